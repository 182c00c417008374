"""Jobs: durable work, enqueued in the caller's own transaction, run by the worker.

DBOS is the engine, on SQLite and on PostgreSQL; nothing outside this module knows its name. What is settled
here, because DBOS bites without it (docs/decisions/0003-jobs-on-dbos.md):

- one workflow of one step runs every job, so a replay has nothing to get wrong; a job that failed is queued again
  for later and gives up its place meanwhile;
- arguments are JSON, ids only; DBOS's default serializer is pickle;
- the application version is fixed: DBOS's default is a hash of the source, and a deploy would strand old jobs;
- each worker has an executor id that is stable across its restarts, so that it takes up its own work again;
- a machine gone for good is noticed by its lease, and its jobs are taken over.
"""

import os
import signal
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
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
WORKFLOW = "wellspring.run"
LEASE = timedelta(minutes=15)  # a job that runs for longer than this belongs to a machine that is gone
LONGEST_PAUSE = 900.0  # seconds between two attempts
KEEP = timedelta(days=30)

log = structlog.get_logger("kit.jobs")
_registry: dict[str, "Job"] = {}
_schedules: dict[str, tuple[str, str]] = {}


class Job:
    """A named function that the worker may run, with how often it is tried."""

    def __init__(self, name: str, function: Callable[..., Any], attempts: int) -> None:
        self.name, self.function, self.attempts = name, function, attempts


def job(name: str, *, attempts: int = 8) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function as the job ``name``. It runs in an application context and commits as its last act."""

    def register(function: Callable[..., Any]) -> Callable[..., Any]:
        if name in _registry and _identity(_registry[name].function) != _identity(function):
            raise ValueError(f"two jobs are named {name}")
        _registry[name] = Job(name, function, attempts)
        return function

    return register


def _identity(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__, getattr(function, "__qualname__", "")


def schedule(name: str, cron: str) -> None:
    """Run the registered job ``name`` (it takes no arguments) by this cron line, once however many workers there are."""
    _schedules[name] = (name, cron)


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


def enqueue(name: str, *args: Any, key: str | None = None, delay: float = 0) -> None:
    """Queue the job ``name`` in the caller's transaction: it exists if and only if the caller commits.

    ``args`` are JSON values (ids). ``key`` makes it unique for ever: a second enqueue with the same key changes
    nothing. ``delay`` is in seconds.
    """
    if name not in _registry:
        raise LookupError(f"no job is named {name}")
    _queue(f"{name}:{key}" if key else None, delay, name, list(args))


def _queue(workflow_id: str | None, delay: float, *asked: Any) -> None:
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
            _registry[name].function(*args)
        except Exception:
            db.session.rollback()
            raise
        finally:
            db.session.remove()
            structlog.contextvars.unbind_contextvars("job")


def _again(app: Flask, workflow_id: str, name: str, args: list[Any], attempt: int) -> None:
    """Queue the next attempt of a job that failed, later and later.

    As a job of its own: the engine's own retries sleep in the worker's few places, and a mail server that is down
    would keep every webhook waiting. Its id follows from the first one's, so that a kill here queues it once.
    """
    first = workflow_id if attempt == 1 else workflow_id.rpartition("~")[0]
    with app.app_context():
        pause = min(app.config["JOB_RETRY_SECONDS"] * 2.0 ** (attempt - 1), LONGEST_PAUSE)
        log.warning("job failed", job=name, attempt=attempt, again_in=pause)
        _queue(f"{first}~{attempt + 1}", pause, name, args, attempt + 1)
        db.session.commit()
        db.session.remove()


def waiting(app: Flask) -> list[tuple[str, str, list[Any]]]:
    """The jobs that are due and not begun, oldest first: (id, name, arguments)."""
    with app.app_context():
        found = client().list_workflows(status="ENQUEUED", load_output=False)
        return [(flow.workflow_id, *flow.input["args"][:2]) for flow in found]


def oldest_wait() -> str:
    """ "ok", or since when the oldest due job has waited for a worker (more than half an hour; a failed attempt waits up to 15 minutes)."""
    oldest = client().list_workflows(status="ENQUEUED", limit=1, load_input=False, load_output=False)
    since = clock.from_timestamp(oldest[0].created_at / 1000) if oldest and oldest[0].created_at else None
    if since is None or clock.now() - since < timedelta(minutes=30):
        return "ok"
    return f"a job has waited since {since:%Y-%m-%d %H:%M} UTC: is the worker running (flask worker)?"


def migrate(url: str) -> None:
    """Make or update the engine's own tables (``flask db upgrade`` calls it)."""
    from dbos import DBOS

    DBOS.migrate(url)


def executor_id() -> str:
    """Unique for each worker process and the same after its restart: host and slot."""
    return os.environ.get("WELLSPRING_WORKER", f"{socket.gethostname()}-1")


@contextmanager
def engine(app: Flask, *, polling: float = 0.5, drain: int = 20) -> Generator[Any]:
    """A running engine in this process; on leaving, running jobs get ``drain`` seconds to finish."""
    from dbos import DBOS

    DBOS(
        config={
            "name": APPLICATION,
            "system_database_url": app.config["SQLALCHEMY_DATABASE_URI"],
            "application_version": VERSION,
            "executor_id": executor_id(),
            "run_migrations": False,
            "use_listen_notify": False,
            "log_level": "WARNING",
            "max_executor_threads": 8,
        }
    )
    # SQLite has one writer: more threads would only wait for each other.
    sqlite = app.config["SQLALCHEMY_DATABASE_URI"].startswith("sqlite")
    try:  # an engine that fails half-way through its start must leave no threads behind
        _register_workflows(app)
        DBOS.launch()
        DBOS.register_queue(QUEUE, worker_concurrency=2 if sqlite else 6, polling_interval_sec=polling)
        _apply_schedules()
        yield DBOS
    finally:
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=drain)


def _register_workflows(app: Flask) -> None:
    from dbos import DBOS, WorkflowSerializationFormat

    @DBOS.workflow(name=WORKFLOW, serialization_type=WorkflowSerializationFormat.PORTABLE)
    def run_job(name: str, args: list[Any], attempt: int = 1) -> None:
        if name not in _registry:
            raise LookupError(f"no job is named {name}")
        try:
            DBOS.run_step({"name": name}, run, app, name, args)
        except Exception as error:
            if attempt >= _registry[name].attempts:
                log.error("job given up", job=name, args=args, attempts=attempt, error=type(error).__name__)
                raise
            DBOS.run_step({"name": "again"}, _again, app, str(DBOS.workflow_id), name, args, attempt)

    @DBOS.workflow(name="wellspring.tick")
    def tick(scheduled: Any, context: Any) -> None:
        DBOS.run_step({"name": context}, run, app, context, [])

    app.extensions["jobs_tick"] = tick


def _apply_schedules() -> None:
    from dbos import DBOS

    wanted = dict(_schedules.values())
    for old in DBOS.list_schedules():
        if old["schedule_name"] not in wanted:
            DBOS.delete_schedule(old["schedule_name"])
    tick = current_app.extensions["jobs_tick"]
    DBOS.apply_schedules([{"schedule_name": name, "workflow_fn": tick, "schedule": cron, "context": name} for name, cron in wanted.items()])


def work(app: Flask, *, polling: float = 0.5, stop: threading.Event | None = None) -> None:
    """Run jobs until SIGTERM or SIGINT; then finish what is running and return."""
    stop = stop or threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with app.app_context(), engine(app, polling=polling):
        log.info("worker started", executor=executor_id())
        reclaim(app)
        while not stop.wait(60):
            reclaim(app)
    log.info("worker stopped")


def reclaim(app: Flask) -> int:
    """Take over the jobs of machines that are gone for good: PENDING beyond the lease. Answers how many."""
    from dbos import DBOS

    stale = clock.now() - LEASE
    running = DBOS.list_workflows(status="PENDING", end_time=stale.isoformat(), load_input=False)
    # By when it was begun, not by when it was queued: after a jam even a job that begins now is old.
    begun = {flow.workflow_id: flow.dequeued_at or flow.created_at or 0 for flow in running if flow.executor_id != executor_id()}
    lost = [workflow_id for workflow_id, at in begun.items() if at < stale.timestamp() * 1000]
    for workflow_id in lost:
        DBOS.resume_workflow(workflow_id)
        log.warning("job taken over from a machine that is gone", workflow=workflow_id)
    return len(lost)


@job("jobs.sweep")
def sweep() -> None:
    """Forget finished jobs after KEEP, a thousand in each transaction."""
    old = (clock.now() - KEEP).isoformat()
    kinds: Any = {"status": ["SUCCESS", "CANCELLED"], "end_time": old, "limit": 1000, "load_input": False, "load_output": False}
    while done := client().list_workflows(**kinds):
        client().delete_workflows([flow.workflow_id for flow in done])


schedule("jobs.sweep", "17 4 * * *")
