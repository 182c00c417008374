"""The house's own rules: models equal migrations; every endpoint says who may pass."""

from flask import Flask

from membership import guards


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
