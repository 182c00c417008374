"""Runs migrations on the application's own engine; then brings the job engine's tables up to date."""

from alembic import context
from flask import current_app

from kit import jobs
from kit.database import db

target = db.metadata


def ours(_object: object, name: str | None, kind: str, reflected: bool, _compare_to: object) -> bool:
    """On SQLite the job engine's tables lie beside ours: they are not ours to compare or drop."""
    return not (kind == "table" and reflected and name not in target.tables)


def run() -> None:
    engine = db.engine
    sqlite = engine.dialect.name == "sqlite"
    with engine.connect() as connection:
        if sqlite:
            # batch_alter_table rebuilds a table by DROP: with foreign keys on, ON DELETE CASCADE would empty its children.
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            connection.commit()
        context.configure(
            connection=connection, target_metadata=target, render_as_batch=True, compare_type=True, include_object=ours, render_item=render
        )
        with context.begin_transaction():
            context.run_migrations()
        if sqlite:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            connection.commit()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")
            if broken:
                raise RuntimeError(f"a migration left a broken reference: {broken}")
    if context.config.cmd_opts is None or getattr(context.config.cmd_opts, "autogenerate", False) is False:
        jobs.migrate(current_app.config["SQLALCHEMY_DATABASE_URI"])


def render(kind: str, item: object, _context: object) -> str | bool:
    if kind == "type" and type(item).__name__ == "UTCDateTime":
        return "kit.database.UTCDateTime()"
    return False


run()
