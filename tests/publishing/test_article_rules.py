"""What an article must have, its address, its file, and the words of a search."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from publishing.domain import articles, front_matter, search
from publishing.domain.problems import Refused
from publishing.domain.slugs import is_slug, slugify

NEW_YORK = ZoneInfo("America/New_York")
GOOD = {"title": "The weir", "author": "Ada Ferris", "body": "One.\n\nTwo."}


@pytest.mark.parametrize(
    ("words", "slug"),
    [
        ("The Café’s last day", "the-cafes-last-day"),
        ("  Straße & Fluß  ", "strasse-fluss"),
        ("2024: a year", "2024-a-year"),
        ("河", ""),
        ("a" * 150, "a" * 100),
        ("word " * 40, "-".join(["word"] * 20)),
    ],
)
def test_slugs(words: str, slug: str) -> None:
    assert slugify(words) == slug


@given(st.text(max_size=300))
def test_a_slug_is_a_slug_or_empty(words: str) -> None:
    slug = slugify(words)
    assert slug == "" or is_slug(slug)


def test_defaults_are_the_careful_ones() -> None:
    fields = articles.accept(GOOD, NEW_YORK)
    assert (fields.slug, fields.kind, fields.access, fields.published_at) == ("the-weir", "article", "members", None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"title": " "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "河"}, "slug"),
        ({"slug": "Not A Slug"}, "slug"),
        ({"slug": "../etc/passwd"}, "slug"),
        ({"author": ""}, "author"),
        ({"body": " \n "}, "body"),
        ({"kind": "poem"}, "kind"),
        ({"access": "all"}, "access"),
        ({"topic": "!!!"}, "topic"),
        ({"summary": "x" * 501}, "summary"),
        ({"image": "https://elsewhere.example/a.jpg"}, "image"),
        ({"image": "//elsewhere.example/a.jpg"}, "image"),
        ({"image": "javascript:alert(1)"}, "image"),
        ({"image": "../secret.webp"}, "image"),
        ({"date": "tomorrow"}, "date"),
        ({"date": "2026-02-30"}, "date"),
        ({"date": "0001-01-01T00:00:00Z"}, "date"),  # what Hugo writes for "none"
        ({"date": "0001-01-01"}, "date"),
        ({"date": "9999-12-31 23:59"}, "date"),
    ],
)
def test_what_is_wrong_is_named_at_its_field(change: dict[str, str], field: str) -> None:
    with pytest.raises(Refused) as refusal:
        articles.accept({**GOOD, **change}, NEW_YORK)
    assert list(refusal.value.problems) == [field]


@pytest.mark.parametrize("char", ["\x00", "\x02", "\x08", "\x1b", "\ufffe", "\uffff", "\ud83d"])
def test_what_pasting_leaves_is_dropped(char: str) -> None:
    fields = articles.accept({**GOOD, "title": f"The{char} weir", "summary": f"a{char}b", "body": f"One{char}.\n\nTwo."}, NEW_YORK)
    assert (fields.title, fields.summary, fields.body) == ("The weir", "ab", "One.\n\nTwo.\n")


def test_breaks_of_other_programs_are_breaks() -> None:
    fields = articles.accept({**GOOD, "title": "The\x0bweir", "body": "One.\x0bTwo.\x0cThree."}, NEW_YORK)
    assert (fields.title, fields.body) == ("The weir", "One.\nTwo.\nThree.\n")


def test_every_problem_at_once() -> None:
    with pytest.raises(Refused) as refusal:
        articles.accept({"kind": "poem", "date": "soon"}, NEW_YORK)
    assert set(refusal.value.problems) == {"title", "author", "body", "kind", "date"}


@pytest.mark.parametrize(
    ("image", "path"),
    [("demo/mill.webp", "/media/demo/mill.webp"), ("/static/img/a.png", "/static/img/a.png"), ("", "")],
)
def test_a_bare_picture_lies_in_the_media_folder(image: str, path: str) -> None:
    assert articles.accept({**GOOD, "image": image}, NEW_YORK).image == path


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20", datetime(2026, 11, 20, 5, tzinfo=UTC)),
        ("2026-07-20", datetime(2026, 7, 20, 4, tzinfo=UTC)),
        ("2026-11-20 06:30", datetime(2026, 11, 20, 11, 30, tzinfo=UTC)),
        ("2026-11-20T06:30:00+01:00", datetime(2026, 11, 20, 5, 30, tzinfo=UTC)),
        ("", None),
    ],
)
def test_a_date_without_a_zone_is_the_publications(text: str, instant: datetime | None) -> None:
    assert articles.instant(text, NEW_YORK) == instant


def test_a_month_is_the_publications_month() -> None:
    first, after = articles.month_bounds(2026, 12, NEW_YORK)
    assert (first, after) == (datetime(2026, 12, 1, 5, tzinfo=UTC), datetime(2027, 1, 1, 5, tzinfo=UTC))


FILE = "---\ntitle: The weir\nslug: 2024\ndate: 2026-11-20\naccess: free\n---\n\nOne.\n"


def test_a_file_keeps_values_as_written_and_knows_their_lines() -> None:
    values, body, places = front_matter.split(FILE)
    assert values == {"title": "The weir", "slug": "2024", "date": "2026-11-20", "access": "free"}
    assert body == "One.\n"
    assert places["date"] == 4


@pytest.mark.parametrize(
    ("text", "field", "line"),
    [
        ("No front matter", "file", 1),
        ("---\ntitle: x\n", "file", 1),
        ("---\ntitle: [a, b]\n---\n", "title", 2),
        ("---\ntitle: x\nacces: free\n---\n", "file", 3),
        ("---\ntitle: x\ntitle: y\n---\n", "title", 3),
        ("---\n- a\n---\n", "file", 2),
        ("---\ntitle: x\nslug: 'open\n---\n", "file", 3),
        ("---\ntitle: &a x\nslug: *b\n---\n", "file", 3),
        ("---\ntitle: !!python/object/apply:os.system [ls]\n---\n", "title", 2),
    ],
)
def test_a_faulty_head_is_named_with_its_line(text: str, field: str, line: int) -> None:
    with pytest.raises(Refused) as refusal:
        front_matter.split(text)
    assert [(name, problem.line) for name, problem in refusal.value.problems.items()] == [(field, line)]


LINE = st.text(st.characters(blacklist_categories=("Cs", "Cc", "Zl", "Zp")), max_size=60)


@given(st.dictionaries(st.sampled_from(front_matter.FIELDS), LINE), LINE)
def test_what_is_joined_is_read_back(values: dict[str, str], body: str) -> None:
    read, text, _ = front_matter.split(front_matter.join(values, body))
    assert read == {name: value for name, value in values.items() if value}
    assert text.strip("\n") == body.strip("\n")


@given(st.text(max_size=2000))
def test_a_question_becomes_few_short_words(question: str) -> None:
    words = search.words(question)
    assert len(words) <= search.MOST_WORDS
    assert all(1 < len(word) <= 3 * search.MOST_CHARACTERS for word in words)
