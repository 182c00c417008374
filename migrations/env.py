"""Runs migrations on the application's own engine; then brings the job engine's tables up to date."""

from alembic import context
from flask import current_app
from sqlalchemy import Connection

from kit import engine as job_engine
from kit import upgrading
from kit.database import db

target = db.metadata


def ours(_object: object, name: str | None, kind: str, reflected: bool, _compare_to: object) -> bool:
    """On SQLite the job engine's tables lie beside ours: they are not ours to compare or drop."""
    return not (kind == "table" and reflected and name not in target.tables)


def run() -> None:
    engine = db.engine
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            _without_foreign_keys(connection)
    else:
        upgrading.patiently(engine, _with_brief_locks)
    if context.config.cmd_opts is None or getattr(context.config.cmd_opts, "autogenerate", False) is False:
        job_engine.migrate(current_app.config["SQLALCHEMY_DATABASE_URI"])


def _with_brief_locks() -> None:
    """Each revision is a transaction of its own, so that its locks are let go of before the next begins."""
    connection = db.engine.connect()
    try:
        upgrading.briefly(connection)
        _migrate(connection, transaction_per_migration=True)
    finally:
        connection.invalidate()  # its settings are not the site's
        connection.close()


def _without_foreign_keys(connection: Connection) -> None:
    # batch_alter_table rebuilds a table by DROP: with foreign keys on, that is refused as soon as another row refers to it.
    # Said to the driver itself: the session's begin would come first, and inside a transaction SQLite takes no notice.
    driver = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys=OFF")
    _migrate(connection)
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if broken:
        connection.rollback()
        raise RuntimeError(f"a migration left a broken reference, and was undone: {broken}")
    connection.commit()
    driver.execute("PRAGMA foreign_keys=ON")


def _migrate(connection: Connection, *, transaction_per_migration: bool = False) -> None:
    context.configure(
        connection=connection,
        target_metadata=target,
        render_as_batch=True,
        compare_type=True,
        include_object=ours,
        render_item=render,
        transaction_per_migration=transaction_per_migration,
    )
    with context.begin_transaction():
        context.run_migrations()


def render(kind: str, item: object, _context: object) -> str | bool:
    if kind == "type" and type(item).__name__ == "UTCDateTime":
        return "kit.database.UTCDateTime()"
    return False


run()
