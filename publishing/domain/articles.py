"""What an article must have, whoever brings it: the newsroom's form or a file."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from publishing.domain.markdown import is_own_picture
from publishing.domain.problems import Problem, Refused, mark
from publishing.domain.slugs import is_slug, slugify

KINDS = ("article", "column", "photos")
ACCESS = ("free", "metered", "members")
STATUSES = ("draft", "published")
FIRST_YEAR, LAST_YEAR = 1900, 9998  # that /archive/ serves
LONGEST = {"title": 200, "slug": 100, "topic": 80, "author": 120, "summary": 500, "image": 300, "body": 500_000}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, kw_only=True)
class ArticleFields:
    """An article as somebody wrote it, checked. ``topic`` is a name or empty; ``published_at`` aware, or None."""

    title: str
    slug: str
    kind: str
    author: str
    access: str
    body: str
    topic: str = ""
    summary: str = ""
    image: str = ""
    published_at: datetime | None = None


def accept(raw: Mapping[str, str], zone: ZoneInfo) -> ArticleFields:
    """Check what was typed; dates without a zone are the publication's. Raises Refused with every problem at once."""
    got = {name: _clean(raw.get(name) or "", name) for name in (*LONGEST, "kind", "access", "date")}
    got["slug"] = got["slug"] or slugify(got["title"])
    got["kind"] = got["kind"] or "article"
    got["access"] = got["access"] or "members"
    got["image"] = _picture(got["image"])
    problems = _problems(got)
    published_at = None
    try:
        published_at = instant(got["date"], zone)
    except ValueError:
        problems["date"] = Problem(mark("Write the date as 2026-11-20 or 2026-11-20 06:30."))
    if problems:
        raise Refused(problems)
    del got["date"]
    return ArticleFields(**got, published_at=published_at)


def printable(text: str) -> str:
    """Without the characters that no XML can hold, and NUL no PostgreSQL: copying from PDF, Word or InDesign leaves some."""
    return _UNPRINTABLE.sub("", text.replace("\x0b", "\n").replace("\x0c", "\n"))  # breaks of a line and of a page


def _clean(text: str, name: str) -> str:
    # Carriage returns would differ between browsers and files.
    text = printable(text.replace("\r\n", "\n").replace("\r", "\n"))
    return text.strip("\n") + "\n" if name == "body" and text.strip() else " ".join(text.split())


def _picture(name: str) -> str:
    """A bare name such as "2026/mill.webp" lies in the media folder."""
    return f"/media/{name}" if re.fullmatch(r"\w[\w.-]*(/\w[\w.-]*)*", name, re.ASCII) else name


def _problems(got: Mapping[str, str]) -> dict[str, Problem]:
    found = {
        name: Problem(mark("At most %(most)s characters, please."), (("most", most),))
        for name, most in LONGEST.items()
        if len(got[name]) > most
    }
    for name, text in (
        ("title", mark("An article needs a title.")),
        ("author", mark("Say who wrote it.")),
        ("body", mark("There is no text yet.")),
    ):
        if not got[name]:
            found[name] = Problem(text)
    if "title" not in found and not is_slug(got["slug"]):
        found["slug"] = Problem(mark("Use lower-case letters a to z, digits and single hyphens."))
    if got["topic"] and not slugify(got["topic"]):
        found["topic"] = Problem(mark("A topic needs at least one letter a to z or a digit."))
    if got["kind"] not in KINDS:
        found["kind"] = Problem(mark("Choose article, column or photos."))
    if got["access"] not in ACCESS:
        found["access"] = Problem(mark("Choose free, metered or members."))
    if got["image"] and not is_own_picture(got["image"]):
        found["image"] = Problem(mark("Give a picture of this site, such as /media/mill.webp."))
    return found


def instant(text: str, zone: ZoneInfo) -> datetime | None:
    """ "2026-11-20" (midnight), "2026-11-20 06:30" or a whole ISO time, as an instant in UTC.

    ValueError otherwise, and for a year that no archive has: the first and the last cannot be told in every zone.
    """
    if not text:
        return None
    if len(text) == len("2026-11-20"):
        read = datetime.combine(date.fromisoformat(text), time(), zone)
    else:
        read = datetime.fromisoformat(text)
        read = read if read.tzinfo else read.replace(tzinfo=zone)
    if not FIRST_YEAR < read.year < LAST_YEAR:  # neither of both: in another zone it may be the year beside it
        raise ValueError(f"no year of an archive: {read.year}")
    return read.astimezone(UTC)


def search_text(fields: ArticleFields, preview: str) -> str:
    """What search looks at: the public words only, folded so that case does not matter in any alphabet."""
    words = (fields.title, fields.summary, fields.author, fields.topic, preview)
    return "\n".join(part for part in words if part).casefold()


def month_bounds(year: int, month: int, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A month of the publication's calendar as a half-open span of instants in UTC."""
    following = (year + 1, 1) if month == 12 else (year, month + 1)
    first, last = (datetime(*start, 1, tzinfo=zone).astimezone(UTC) for start in ((year, month), following))
    return first, last
