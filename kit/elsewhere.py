"""Another database in place of the application's own, for as long as a block lasts: for proofs, never in a server."""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import flask_migrate
import sqlalchemy as sa
from flask import current_app
from sqlalchemy.engine import Engine

from kit import database
from kit.database import db
from kit.settings import database_url


class NotEmpty(Exception):
    """There is something in that database already."""


class InUse(Exception):
    """That database is our own."""


def opened(url: str) -> Engine:
    """An engine on an empty database. Raises InUse, NotEmpty, or SQLAlchemy's error where it does not answer."""
    engine = sa.create_engine(database_url(url))
    if str(engine.url) == str(db.engine.url):
        raise InUse(url)
    if sa.inspect(engine).get_table_names():
        engine.dispose()
        raise NotEmpty(url)
    database.prepare(engine)
    return engine


def discard(engine: Engine) -> None:
    """Make a database that was opened here empty again: what was half made of it stands in nobody's way."""
    if engine.dialect.name == "sqlite":
        engine.dispose()
        for ending in ("", "-wal", "-shm"):
            Path(f"{engine.url.database}{ending}").unlink(missing_ok=True)
        return
    with engine.begin() as connection:
        for (schema,) in connection.exec_driver_sql("select nspname from pg_namespace where nspname in ('public', 'dbos')").all():
            connection.exec_driver_sql(f"drop schema {schema} cascade")
        connection.exec_driver_sql("create schema public")


@contextmanager
def pointed_at(engine: Engine) -> Generator[None]:
    """Sessions of this process begin on ``engine``. One thread only."""
    config, engines = current_app.config, cast("dict[str | None, Engine]", db.engines)
    kept = engines[None]
    address, client = config["SQLALCHEMY_DATABASE_URI"], current_app.extensions.pop("dbos_client", None)
    db.session.remove()
    engines[None] = engine
    config["SQLALCHEMY_DATABASE_URI"] = engine.url.render_as_string(hide_password=False)
    try:
        yield
    finally:
        db.session.remove()
        engines[None] = kept
        config["SQLALCHEMY_DATABASE_URI"] = address
        current_app.extensions.pop("dbos_client", None)
        if client is not None:
            current_app.extensions["dbos_client"] = client


def migrate(engine: Engine) -> None:
    """Make our tables there, and the job engine's."""
    with pointed_at(engine):
        flask_migrate.upgrade()
