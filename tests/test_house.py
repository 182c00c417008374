"""The house's own rules: models equal migrations; every endpoint says who may pass."""

import ast
import re
from pathlib import Path

from flask import Flask

from membership import guards

ROOT = Path(__file__).resolve().parent.parent


def test_every_endpoint_declares_who_may_pass(app: Flask) -> None:
    undeclared = [endpoint for endpoint in app.view_functions if guards.declared(app, endpoint) is None]
    assert undeclared == []


def test_models_equal_migrations(app: Flask) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    from kit.database import db

    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _ours})
        assert compare_metadata(context, db.metadata) == []


def _ours(_object: object, name: str | None, kind: str, reflected: bool, _compare_to: object) -> bool:
    from kit.database import db

    return not (kind == "table" and reflected and name not in db.metadata.tables)


# Where work ends with a commit. Elsewhere a verb leaves that to its door.
DOORS = re.compile(r"/views/|(^|[/_])cli\.py$|(^|[/_])jobs\.py$|^kit/")
WITH_A_REASON = {"membership/paywall.py": "a metered read is recorded by a page that otherwise only reads"}


def test_only_doors_commit() -> None:
    found = set()
    for room in ("membership", "publishing", "payments", "reports", "demo"):
        for path in (ROOT / room).rglob("*.py"):
            name = path.relative_to(ROOT).as_posix()
            calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
            if any(isinstance(call, ast.Attribute) and call.attr == "commit" for call in calls) and not DOORS.search(name):
                found.add(name)
    assert found == set(WITH_A_REASON)


def test_revisions_are_a_chain_with_one_head() -> None:
    from kit import schema

    assert schema.head() in schema.revisions()
    assert len(schema.revisions()) == len(list((ROOT / "migrations" / "versions").glob("*.py")))


def test_the_web_server_is_started_in_one_way() -> None:
    """Each file of deploy/ that starts it, less address and number of workers."""
    found = {}
    for path in sorted((ROOT / "deploy").iterdir()):
        if path.name in ("Procfile", "Dockerfile", "wellspring-web.service", "wellspring-web@.service"):
            options = re.findall(
                r"--(interface|factory|blocking-threads|respawn-failed-workers|workers-kill-timeout)(?:[ =](\w+))?", path.read_text()
            )
            found[path.name] = sorted(options)
    assert len(found) == 4
    assert len({str(one) for one in found.values()}) == 1, found
