"""One letter to many: the message is built once, by the standard library, with marked gaps; each recipient's values
are set into its bytes.

Building a message of 14 kB anew for everybody costs more than sending it (docs/performance.md). The gaps take ASCII
only, so nothing has to be encoded, and each value stands on a line of its own in quoted-printable's soft breaks, so
no line grows too long.
"""

import re
from collections.abc import Mapping
from email.message import EmailMessage
from email.policy import SMTP

_NAME = re.compile(r"[a-z]{1,20}")
_SAFE = re.compile(rb"[!-~]{1,320}")  # printable ASCII without spaces: no header can be broken, none invented
_IN_BODY = re.compile(rb"[A-Za-z0-9_.-]{1,72}")  # one line of quoted-printable, nothing in it to escape


def gap(name: str) -> str:
    """What stands in a letter where a recipient's own value will be: the same length, whatever the name."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"not a name for a gap: {name!r}")
    return f"GAP{name.upper():X<20}GAP"


class Stencil:
    """A message with gaps. ``headers`` are the recipient's own: their values may hold gaps and nothing that folds."""

    def __init__(self, mail: EmailMessage, headers: Mapping[str, str], gaps: tuple[str, ...]) -> None:
        """``mail`` has what is the same for all; its text parts are turned into quoted-printable."""
        whole = mail.as_bytes(policy=SMTP)
        self._head = "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")
        self._gaps = gaps
        self._pieces = self._cut(whole)

    def _cut(self, whole: bytes) -> list[bytes | str]:
        """The body as alternating bytes and names of gaps. A soft break may run through a gap; it goes with it."""
        patterns = {
            name: b"(?:=\r\n)?".join(re.escape(gap(name).encode()[i : i + 1]) for i in range(len(gap(name)))) for name in self._gaps
        }
        found = re.compile(b"|".join(b"(?P<%s>%s)" % (name.encode(), pattern) for name, pattern in patterns.items()))
        pieces: list[bytes | str] = []
        end = 0
        for match in found.finditer(whole):
            pieces += [whole[end : match.start()], match.lastgroup or ""]
            end = match.end()
        return [*pieces, whole[end:]]

    def fill(self, values: Mapping[str, str]) -> bytes:
        """The message for one recipient. ValueError if a value could not stand where it must."""
        ready = {name: value.encode("ascii") for name, value in values.items()}
        head = self._head
        for name, value in ready.items():
            if not _SAFE.fullmatch(value):
                raise ValueError(f"{name} cannot stand in a message")
            head = head.replace(gap(name).encode(), value)
        return head + b"".join(piece if isinstance(piece, bytes) else self._soft(ready[piece]) for piece in self._pieces)

    @staticmethod
    def _soft(value: bytes) -> bytes:
        if not _IN_BODY.fullmatch(value):
            raise ValueError("a value in the body must be a plain word")
        return b"=\r\n" + value + b"=\r\n"
