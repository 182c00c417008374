"""Jobs: durable work, enqueued in the caller's own transaction, run by the worker (kit/engine.py).

DBOS is the engine, on SQLite and on PostgreSQL; nothing outside these two modules knows its name. What is settled
here, because DBOS bites without it (docs/decisions/0003-jobs-on-dbos.md):

- one workflow of one step runs every job, so a replay has nothing to get wrong; a job that failed is queued again
  for later and gives up its place meanwhile;
- arguments are JSON, ids only; DBOS's default serializer is pickle;
- the application version is fixed: DBOS's default is a hash of the source, and a deploy would strand old jobs;
- each worker has an executor id that is stable across its restarts, so that it takes up its own work again;
- a machine gone for good is noticed by its lease, and its jobs are taken over.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any

import structlog
from flask import Flask, current_app

from kit import clock
from kit.database import db
from kit.statements import Compiled

APPLICATION = "wellspring"
VERSION = "1"  # of the job format; changes only when old queued jobs can no longer be run
QUEUE = "jobs"
WORKFLOW, TICK = "wellspring.run", "wellspring.tick"
LONGEST_PAUSE = 900.0  # seconds between two attempts

log = structlog.get_logger("kit.jobs")
registry: dict[str, "Job"] = {}
schedules: dict[str, tuple[str, str]] = {}
starters: set[str] = set()
_watches: dict[str, Callable[[], int]] = {}
_held: ContextVar[list[tuple[str, list[Any]]] | None] = ContextVar("held", default=None)


class Job:
    """A named function that the worker may run, with how often it is tried."""

    def __init__(self, name: str, function: Callable[..., Any], attempts: int) -> None:
        self.name, self.function, self.attempts = name, function, attempts


def job(name: str, *, attempts: int = 8) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the job ``name``. It runs in an application context and commits as its last act."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in registry and _identity(registry[name].function) != _identity(function):
            raise ValueError(f"two jobs are named {name}")
        registry[name] = Job(name, function, attempts)
        return function

    return register


def attempts(name: str) -> int:
    """How often this job is tried before it is given up; between two tries lies twice as long as before, LONGEST_PAUSE at most."""
    return registry[name].attempts


def _identity(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, getattr(function, "__qualname__", "")


def schedule(name: str, cron: str, *, at_start: bool = False) -> None:
    """Run the registered job ``name`` (it takes no arguments) by this cron line, once however many workers there are.

    ``at_start``: also when a worker starts, which may be after a long time without one.
    """
    schedules[name] = (name, cron)
    if at_start:
        starters.add(name)


def watch(name: str) -> Callable[[Callable[[], int]], Callable[[], int]]:
    """Register a look that the worker takes every half second, for work that lies in a table of its own and not in the queue.

    It runs in an application context, commits as its last act and answers how many jobs it queued.
    """

    def register(function: Callable[[], int]) -> Callable[[], int]:
        _watches[name] = function
        return function

    return register


def look_out(app: Flask) -> int:
    """Take every look once; answers how many jobs were queued. One that fails is logged and hides no other."""
    queued = 0
    for name, look in _watches.items():
        with app.app_context():
            try:
                queued += look()
            except Exception:
                db.session.rollback()
                log.exception("watch failed", watch=name)
            finally:
                db.session.remove()
    return queued


def client() -> Any:
    """DBOS's client on the application's own database, one a process and application."""
    if "dbos_client" not in current_app.extensions:
        from dbos import DBOSClient

        url = current_app.config["SQLALCHEMY_DATABASE_URI"]
        # Our engine, so that a job is written by the same connection as its cause.
        made = DBOSClient(system_database_url=url, system_database_engine=db.engine, lazy=True, application_name=APPLICATION)
        if db.engine.dialect.name == "sqlite":
            _keep_statements(made._sys_db)
        current_app.extensions["dbos_client"] = made
    return current_app.extensions["dbos_client"]


def _keep_statements(system: Any) -> None:
    """Compile the engine's inserts once, as it does itself on PostgreSQL; on SQLite it builds them anew for every job.

    That was a third of a webhook's time. Names and columns decide a statement there too (SystemDatabase._execute_prepared).
    """
    ready: dict[tuple[str, ...], Compiled] = {}

    def execute(connection: Any, name: str, values: dict[str, Any], build: Callable[[], Any], *, insert_columns: bool = True) -> Any:
        key = (name, *values)
        if key not in ready:
            schemas = connection.get_execution_options().get("schema_translate_map")  # the engine's own placeholder
            ready[key] = Compiled(build(), tuple(values) if insert_columns else (), connection.dialect, schemas)
        return connection.exec_driver_sql(ready[key].sql, ready[key].parameters(values))

    system._execute_prepared = execute


@contextmanager
def held() -> Generator[list[tuple[str, list[Any]]]]:
    """Within this nothing is queued and no mail is written: what would have been is listed, for whoever derives anew what happened long ago."""
    kept: list[tuple[str, list[Any]]] = []
    token = _held.set(kept)
    try:
        yield kept
    finally:
        _held.reset(token)


def holding() -> bool:
    """Is this such a block?"""
    return _held.get() is not None


def enqueue(name: str, *args: Any, key: str | None = None, delay: float = 0) -> None:
    """Queue the job ``name`` in the caller's transaction: it exists if and only if the caller commits.

    ``args`` are JSON values (ids). ``key`` makes it unique for ever: a second enqueue with the same key changes
    nothing. ``delay`` is in seconds.
    """
    if name not in registry:
        raise LookupError(f"no job is named {name}")
    if (kept := _held.get()) is not None:
        kept.append((name, list(args)))
        return
    queue(f"{name}:{key}" if key else None, delay, name, list(args))


def queue(workflow_id: str | None, delay: float, *asked: Any) -> None:
    from dbos import WorkflowSerializationFormat

    options: dict[str, Any] = {
        "workflow_name": WORKFLOW,
        "queue_name": QUEUE,
        "app_version": VERSION,
        "serialization_type": WorkflowSerializationFormat.PORTABLE,
    }
    if workflow_id:
        options["workflow_id"] = workflow_id
    if delay:
        options["delay_seconds"] = float(delay)
    client().enqueue_in_transaction(db.session.connection(), options, *asked)


def run(app: Flask, name: str, args: list[Any]) -> None:
    """Run one job now, in its own application context, leaving nothing half-done if it fails."""
    with app.app_context():
        structlog.contextvars.bind_contextvars(job=name)
        try:
            registry[name].function(*args)
        except Exception:
            db.session.rollback()
            raise
        finally:
            db.session.remove()
            structlog.contextvars.unbind_contextvars("job")


def waiting(app: Flask) -> list[tuple[str, str, list[Any]]]:
    """The jobs that are due and not begun, oldest first: (id, name, arguments). Looks out for new ones first."""
    look_out(app)
    with app.app_context():
        found = client().list_workflows(status="ENQUEUED", load_output=False)
        return [(flow.workflow_id, *flow.input["args"][:2]) for flow in found]


def unfinished(name: str) -> list[list[Any]]:
    """The arguments of this job's runs that wait, are put off or go on. Ask before a transaction is begun."""
    states = ["ENQUEUED", "DELAYED", "PENDING"]
    found = client().list_workflows(status=states, name=WORKFLOW, load_output=False)
    return [flow.input["args"][1] for flow in found if flow.input["args"][0] == name]


def oldest_wait() -> str:
    """ "ok", or since when the oldest due job has waited for a worker (more than half an hour; a failed attempt waits up to 15 minutes)."""
    oldest = client().list_workflows(status="ENQUEUED", limit=1, load_input=False, load_output=False)
    since = clock.from_timestamp(oldest[0].created_at / 1000) if oldest and oldest[0].created_at else None
    if since is None or clock.told() - since < timedelta(minutes=30):
        return "ok"
    return f"a job has waited since {since:%Y-%m-%d %H:%M} UTC: is the worker running (flask worker)?"


def given_up() -> str:
    """ "ok", or how many jobs failed for good within the last week, and which."""
    since = (clock.told() - timedelta(days=7)).isoformat()
    failed = client().list_workflows(status="ERROR", name=[WORKFLOW, TICK], start_time=since, limit=100, sort_desc=True, load_output=False)
    if not failed:
        return "ok"
    names = sorted({flow.input["args"][0 if flow.name == WORKFLOW else 1] for flow in failed})
    many = f"{len(failed)}{' or more' if len(failed) == 100 else ''}"
    return f"{many} given up within a week ({', '.join(names)}): the log says why (job given up)"
