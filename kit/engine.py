"""The engine that runs the jobs (kit/jobs.py): DBOS in the worker's process, its schedules, and what a dead worker left."""

import os
import signal
import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import structlog
from flask import Flask, current_app

from kit import clock, jobs
from kit.database import db
from kit.jobs import APPLICATION, LONGEST_PAUSE, QUEUE, TICK, VERSION, WORKFLOW, job, schedule

LEASE = timedelta(minutes=15)  # a job that runs for longer than this belongs to a machine that is gone
PATIENTLY: Any = {"retries_allowed": True, "max_attempts": 8, "interval_seconds": 0.5, "backoff_rate": 2.0}  # a minute in all
KEEP = timedelta(days=30)

log = structlog.get_logger("kit.jobs")


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
        with _watching(app, polling):
            yield DBOS
    finally:
        DBOS.destroy(destroy_registry=True, workflow_completion_timeout_sec=drain)


@contextmanager
def _watching(app: Flask, every: float) -> Generator[None]:
    """Looks in a thread of their own, every so many seconds, until the block is left."""
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            try:
                found = jobs.look_out(app)
            except Exception:  # noqa: BLE001 - no memory even to say so; a thread that ended here nobody would miss, but every webhook
                found = 0
            over.wait(0 if found else every)

    thread = threading.Thread(target=go_on, name="watches", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _again(app: Flask, workflow_id: str, name: str, args: list[Any], attempt: int) -> None:
    """Queue the next attempt of a job that failed, later and later.

    As a job of its own: the engine's own retries sleep in the worker's few places, and a mail server that is down
    would keep every webhook waiting. Its id follows from the first one's, so that a kill here queues it once.
    """
    first = workflow_id if attempt == 1 else workflow_id.rpartition("~")[0]
    with app.app_context():
        pause = min(app.config["JOB_RETRY_SECONDS"] * 2.0 ** (attempt - 1), LONGEST_PAUSE)
        log.warning("job failed", job=name, attempt=attempt, again_in=pause)
        jobs.queue(f"{first}~{attempt + 1}", pause, name, args, attempt + 1)
        db.session.commit()
        db.session.remove()


def _register_workflows(app: Flask) -> None:
    from dbos import DBOS, WorkflowSerializationFormat

    @DBOS.workflow(name=WORKFLOW, serialization_type=WorkflowSerializationFormat.PORTABLE)
    def run_job(name: str, args: list[Any], attempt: int = 1) -> None:
        if name not in jobs.registry:
            raise LookupError(f"no job is named {name}")
        try:
            DBOS.run_step({"name": name}, jobs.run, app, name, args)
        except Exception as error:
            if attempt >= jobs.registry[name].attempts:
                log.error("job given up", job=name, args=args, attempts=attempt, error=type(error).__name__)
                raise
            # Tried again in its place: a database that is busy just then must not lose the job.
            DBOS.run_step({"name": "again", **PATIENTLY}, _again, app, str(DBOS.workflow_id), name, args, attempt)

    @DBOS.workflow(name=TICK)
    def tick(scheduled: Any, context: Any) -> None:
        DBOS.run_step({"name": context}, jobs.run, app, context, [])

    app.extensions["jobs_tick"] = tick


def _apply_schedules() -> None:
    from dbos import DBOS

    wanted = dict(jobs.schedules.values())
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
        for name in sorted(jobs.starters):
            jobs.enqueue(name)
        db.session.commit()
        while not stop.wait(60):
            reclaim(app)
    log.info("worker stopped")


def reclaim(app: Flask) -> int:
    """Take over the jobs of machines that are gone for good: PENDING beyond the lease. Answers how many."""
    from dbos import DBOS

    stale = clock.told() - LEASE  # the engine writes its times by the machine's clock
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
    old = (clock.told() - KEEP).isoformat()
    kinds: Any = {"status": ["SUCCESS", "CANCELLED"], "end_time": old, "limit": 1000, "load_input": False, "load_output": False}
    while done := jobs.client().list_workflows(**kinds):
        jobs.client().delete_workflows([flow.workflow_id for flow in done])


schedule("jobs.sweep", "17 4 * * *")
