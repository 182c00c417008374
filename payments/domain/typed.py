"""What people type into a line or a box, made fit for mails and lists. Pure."""

import re
import unicodedata

_KEPT_CONTROLS = "\n\u200c\u200d"
# What a mail program would turn into a link: an address of the web or of mail, with or without its beginning.
_LINK = re.compile(r"://|\bwww\.|@\w|[\w-]{2,}\.[^\W\d_]{2,}")


def text(typed: str) -> str:
    """Line breaks stay, and the joiners that scripts and emoji need; other control and direction characters go."""
    unified = typed.replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ")
    return "".join(c for c in unified if c in _KEPT_CONTROLS or not unicodedata.category(c).startswith("C")).strip()


def one_line(typed: str) -> str:
    """Without control characters and doubled spaces: a name goes into mails and lists."""
    return " ".join("".join(" " if unicodedata.category(c).startswith("Z") else c for c in text(typed)).split())


def has_link(typed: str) -> bool:
    """Would a mail program make a link of a part of this? Wide letters and odd full stops are read as the plain ones."""
    plain = unicodedata.normalize("NFKC", typed).replace("\u3002", ".").casefold()
    return _LINK.search(plain) is not None
