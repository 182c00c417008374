"""The publication's own texts and pictures: valid, of decent length, and nobody's filler."""

import re
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from PIL import Image

from demo import archive
from demo.pictures import album
from demo.prose import CONTENT
from publishing.domain import articles as rules
from publishing.domain import front_matter
from publishing.domain.articles import ArticleFields
from publishing.domain.markdown import render

ZONE = ZoneInfo("America/New_York")
NOW = datetime(2026, 11, 22, 15, 30, tzinfo=UTC)
FILES = sorted(CONTENT.glob("*.md"))


def accepted(path: Path) -> ArticleFields:
    values, body, _ = front_matter.split(path.read_text(encoding="utf-8"))
    return rules.accept({**values, "body": body}, ZONE)


@pytest.fixture(scope="module")
def pieces() -> list[ArticleFields]:
    return [accepted(path) for path in FILES]


def test_there_is_a_newspaper_of_it(pieces: list[ArticleFields]) -> None:
    kinds = [piece.kind for piece in pieces]
    assert kinds.count("article") >= 14
    assert kinds.count("column") >= 4
    assert kinds.count("photos") >= 3
    assert {piece.access for piece in pieces} == {"free", "metered", "members"}
    assert len({piece.author for piece in pieces}) >= 8
    assert len({piece.slug for piece in pieces}) == len(pieces)
    assert len({piece.title for piece in pieces}) == len(pieces)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_piece_is_whole(path: Path) -> None:
    piece = accepted(path)
    assert piece.slug == path.stem
    assert piece.summary
    assert piece.topic
    assert piece.published_at
    words = len(piece.body.split())
    assert (200 if piece.kind == "photos" else 350) <= words <= 950
    rendered = render(piece.body)
    assert rendered.has_more
    assert rendered.preview_text
    assert not re.search(r"lorem|ipsum|\btodo\b|xxx|donat", path.read_text(encoding="utf-8"), re.IGNORECASE)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_every_picture_named_can_be_painted(path: Path) -> None:
    painted = {f"/media/{file}" for name in album.SCENES for file in album.files_of(name).values()}
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"/media/[\w/.-]+", text))
    assert named
    assert named <= painted
    assert all(alt.strip() for alt in re.findall(r"!\[(.*?)\]\(", text))


def test_pictures_are_pictures_and_light(tmp_path: Path) -> None:
    ticks: list[int] = []
    assert album.paint_all(tmp_path, lambda: ticks.append(1)) == len(album.SCENES) == len(ticks)
    for name in album.SCENES:
        for width, file in album.files_of(name).items():
            assert (tmp_path / file).stat().st_size < album.HEAVIEST
            with Image.open(tmp_path / file) as picture:
                assert picture.size == (width, width * 2 // 3)
                reds = picture.convert("RGB").getextrema()[0]
                assert reds[1] - reds[0] > 60, f"{file} is nearly blank"
    assert album.paint_all(tmp_path) == 0, "painted once and kept"


def test_the_archive_is_deep_plain_and_the_same_for_the_same_seed() -> None:
    found = list(archive.build(seed=1, now=NOW, zone=ZONE))
    assert 1200 <= len(found) <= 2000
    assert found == list(archive.build(seed=1, now=NOW, zone=ZONE))
    assert len({piece.slug for piece in found}) == len(found)
    assert [piece.at for piece in found] == sorted(piece.at for piece in found)
    assert found[0].at.year == NOW.year - 20
    assert found[-1].at < NOW
    for piece in found:
        told = "\n".join((piece.title, piece.summary, *piece.paragraphs))
        assert not re.search(r"[{}]|\bNone\b|(?<![.\d])\b1 \w+s\b|  |\.\.", told), told
        assert all(line[0].isupper() or line[0].isdigit() for line in (piece.title, piece.summary, *piece.paragraphs)), told
        assert len(piece.title) <= 200
        assert len(piece.slug) <= 100
        assert len(piece.paragraphs) >= 2


def test_the_score_in_the_headline_is_the_score_of_the_goals() -> None:
    matches = [piece for piece in archive.build(seed=3, now=NOW, zone=ZONE, years=4) if piece.topic == "Sport"]
    assert matches
    for piece in matches:
        ours, theirs = map(int, re.findall(r"(\d+) to (\d+)\.$", piece.summary)[0])
        assert piece.paragraphs[1].count("minute") == ours + theirs
        if ours != theirs:
            assert f"{max(ours, theirs)} to {min(ours, theirs)}" in piece.title
            assert piece.title.startswith("Ferrymen") == (ours > theirs)
