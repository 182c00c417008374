"""Commands about articles: in from files, out to files."""

import json
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from sqlalchemy import select

from kit.database import db
from publishing import articles
from publishing.domain.problems import Refused
from publishing.models.articles import Article


@click.group("articles")
def group() -> None:
    """Articles: import and export."""


@group.command("import")
@click.argument("source", type=click.Path(exists=True, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def import_(source: Path, as_json: bool) -> None:
    """Take in one Markdown file, or every .md file below a directory. The same slug again updates it.

    Files with faults are named with the line and left out; all others come in. Exit 1 if there was any.
    """
    files = sorted(source.rglob("*.md")) if source.is_dir() else [source]
    done: list[dict[str, str]] = []
    faults: list[dict[str, object]] = []
    for path in track(files, "Importing", disable=as_json or not sys.stderr.isatty(), console=_stderr()):
        try:
            imported = articles.import_file(path)
        except Refused as refusal:
            db.session.rollback()  # nothing of this file stays; those before it are committed
            faults += [
                {"file": str(path), "line": problem.line, "field": name, "problem": str(problem)}
                for name, problem in refusal.problems.items()
            ]
            continue
        db.session.commit()
        done.append({"file": str(path), "slug": imported.slug, "outcome": imported.outcome})
    _report(done, faults, as_json)
    sys.exit(1 if faults else 0)


@group.command("export")
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def export(target: Path, as_json: bool) -> None:
    """Write every article, drafts too, as a file that import takes back."""
    target.mkdir(parents=True, exist_ok=True)
    ids = db.session.scalars(select(Article.id).order_by(Article.id)).all()
    for article_id in track(ids, "Exporting", disable=as_json or not sys.stderr.isatty(), console=_stderr()):
        article = db.session.get_one(Article, article_id)
        (target / f"{article.slug}.md").write_text(articles.export_text(article), encoding="utf-8")
    click.echo(json.dumps({"written": len(ids), "directory": str(target)}) if as_json else f"{len(ids)} articles written to {target}")


def _report(done: list[dict[str, str]], faults: list[dict[str, object]], as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"imported": done, "faults": faults}, indent=2))
        return
    for fault in faults:
        click.echo(f"{fault['file']}:{fault['line'] or 1}: {fault['field']}: {fault['problem']}", err=True)
    counts = {outcome: sum(one["outcome"] == outcome for one in done) for outcome in ("new", "updated", "unchanged")}
    click.echo(", ".join(f"{number} {outcome}" for outcome, number in counts.items()) + (f", {len(faults)} faults" if faults else ""))


def _stderr() -> Console:
    return Console(stderr=True)
