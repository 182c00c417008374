"""`articles import` and `articles export`: files in, files out, the same again changes nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from kit.database import db
from publishing.models import Article

FILE = """---
title: The weir
topic: River
author: Ada Ferris
date: 2026-11-20
access: metered
summary: What it is for.
---

It was built in 1871.

<!-- more -->

The rest says QUARTZMILL.
"""


@pytest.fixture
def run(app: Flask, tmp_path: Path) -> Any:
    def command(*args: str) -> Any:
        return app.test_cli_runner().invoke(args=["articles", *args])

    return command


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def state() -> list[tuple[Any, ...]]:
    db.session.rollback()
    return [
        (a.slug, a.title, a.status, a.published_at, a.version, a.updated_at)
        for a in db.session.scalars(select(Article).order_by(Article.slug))
    ]


def test_a_file_is_published_on_its_date(run: Any, tmp_path: Path, visitor: Any) -> None:
    result = run("import", str(write(tmp_path, "weir.md", FILE)))
    assert (result.exit_code, result.output) == (0, "1 new, 0 updated, 0 unchanged\n")
    page = visitor.get("/articles/the-weir")
    assert page.status == 200
    assert "November 20, 2026" in page.text


def test_importing_again_changes_nothing(run: Any, tmp_path: Path) -> None:
    write(tmp_path, "a/weir.md", FILE)
    write(tmp_path, "b/lock.md", FILE.replace("The weir", "The lock"))
    assert run("import", str(tmp_path)).output == "2 new, 0 updated, 0 unchanged\n"
    before = state()
    assert run("import", str(tmp_path)).output == "0 new, 0 updated, 2 unchanged\n"
    assert state() == before


def test_the_same_slug_again_updates(run: Any, tmp_path: Path) -> None:
    path = write(tmp_path, "weir.md", FILE)
    run("import", str(path))
    write(tmp_path, "weir.md", FILE.replace("It was built", "It was mended").replace("title: The weir", "title: Our weir\nslug: the-weir"))
    assert run("import", str(path)).output == "0 new, 1 updated, 0 unchanged\n"
    assert db.session.scalar(select(func.count()).select_from(Article)) == 1
    assert db.session.scalar(select(Article.title)) == "Our weir"


def test_without_a_date_it_is_a_draft(run: Any, tmp_path: Path) -> None:
    run("import", str(write(tmp_path, "weir.md", FILE.replace("date: 2026-11-20\n", ""))))
    assert db.session.scalar(select(Article.status)) == "draft"


@pytest.mark.parametrize(
    ("fault", "line", "says"),
    [
        (FILE.replace("access: metered", "access: everybody"), 6, "access"),
        (FILE.replace("author: Ada Ferris\n", ""), 1, "author"),
        (FILE.replace("date: 2026-11-20", "date: 2026-11-31"), 5, "date"),
        (FILE.replace("date: 2026-11-20", "date: 0001-01-01T00:00:00Z"), 5, "date"),
        (FILE.replace("date: 2026-11-20", "date: 9999-12-31 23:59"), 5, "date"),
        (FILE.replace("title", "tilte"), 2, "tilte"),
        (FILE.replace("<!-- more -->", "- <!-- more -->"), 12, "body"),
        ("nothing of the kind", 1, "front matter"),
    ],
)
def test_faults_are_named_with_file_and_line_and_the_rest_comes_in(run: Any, tmp_path: Path, fault: str, line: int, says: str) -> None:
    bad = write(tmp_path, "a-bad.md", fault)
    write(tmp_path, "b-good.md", FILE.replace("The weir", "The lock"))
    result = run("import", str(tmp_path))
    assert result.exit_code == 1
    assert f"{bad}:{line}: " in result.output
    assert says in result.output
    assert "1 new" in result.output
    assert "1 faults" in result.output
    assert [row[0] for row in state()] == ["the-lock"]


def test_a_file_that_is_not_text(run: Any, tmp_path: Path) -> None:
    (tmp_path / "x.md").write_bytes(b"\xff\xfe\x00")
    result = run("import", str(tmp_path))
    assert result.exit_code == 1
    assert "not UTF-8" in result.output


def test_facts_as_json(run: Any, tmp_path: Path) -> None:
    write(tmp_path, "weir.md", FILE)
    write(tmp_path, "x.md", "no")
    facts = json.loads(run("import", str(tmp_path), "--json").stdout)
    assert [(one["slug"], one["outcome"]) for one in facts["imported"]] == [("the-weir", "new")]
    assert facts["faults"][0]["line"] == 1


def test_a_missing_directory_is_wrong_usage(run: Any, tmp_path: Path) -> None:
    assert run("import", str(tmp_path / "nowhere")).exit_code == 2


def test_what_is_exported_comes_back_the_same(run: Any, tmp_path: Path, make_article: Any) -> None:
    run("import", str(write(tmp_path, "weir.md", FILE)))
    make_article("odd", title="Über: “#” and 'quotes'", summary="yes", topic="a: b", body="---\n\nOne\n\n<!-- more -->\n\n---\ntwo\n")
    assert run("export", str(tmp_path / "out")).exit_code == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["odd.md", "the-weir.md"]
    before = state()
    assert run("import", str(tmp_path / "out")).output == "0 new, 0 updated, 2 unchanged\n"
    assert state() == before
