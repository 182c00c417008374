"""Addresses of articles and topics, made from words."""

import re
import unicodedata

SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
LONGEST = 100

# Letters that Unicode does not decompose, as people of those languages write them in ASCII.
_LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "ł": "l", "ı": "i", "’": "", "'": ""})


def slugify(words: str) -> str:
    """``slugify("The Café’s last day")`` is "the-cafes-last-day"; empty when no Latin letter or digit is left."""
    plain = unicodedata.normalize("NFKD", words.casefold().translate(_LETTERS))
    ascii_only = plain.encode("ascii", "ignore").decode()
    slug = "-".join(re.findall(r"[a-z0-9]+", ascii_only))
    return slug if len(slug) <= LONGEST else slug[: LONGEST + 1].rpartition("-")[0] or slug[:LONGEST]


def is_slug(text: str) -> bool:
    """Lower-case letters, digits and single hyphens, at most 100 characters."""
    return len(text) <= LONGEST and SLUG.fullmatch(text) is not None
