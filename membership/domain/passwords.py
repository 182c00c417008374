"""What may be a password: long enough, not what everybody takes. No rule about kinds of characters (ASVS 6.2)."""

import unicodedata
from pathlib import Path

SHORTEST = 10
LONGEST = 1024

# What attackers try first among passwords of this length; the patterns below catch their relatives.
COMMON = frozenset(Path(__file__).with_name("common_passwords.txt").read_text(encoding="utf-8").split())
_RUNS = ("0123456789" * 3, "9876543210" * 3, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm", "1q2w3e4r5t6y7u8i9o0p")


def normal(typed: str) -> str:
    """The same password whatever keyboard composed its accents (NFC); nothing else is changed, spaces count."""
    return unicodedata.normalize("NFC", typed)


def objection(typed: str, *, site: str, email: str) -> str | None:
    """Why not: "short", "long", "common", "site" or "email"; None when it will do."""
    password = normal(typed)
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    folded = password.casefold()
    bare = "".join(letter for letter in folded if letter.isalnum())
    if folded in COMMON or bare in COMMON or len(set(folded)) < 4 or any(bare in run for run in _RUNS):
        return "common"
    if _leftover(bare, site) is not None and len(_leftover(bare, site) or "") < 5:
        return "site"
    local = email.casefold().partition("@")[0]
    if email and (folded == email.casefold() or (len(local) > 3 and folded.replace(local, "", 1).strip("0123456789!?.-_ ") == "")):
        return "email"
    return None


def _leftover(bare: str, site: str) -> str | None:
    """What is left of the password without the site's name; None when the name is not in it."""
    name = "".join(letter for letter in site.casefold() if letter.isalnum())
    for word in (name, name.removeprefix("the")):
        if len(word) > 3 and word in bare:
            return bare.replace(word, "", 1)
    return None
