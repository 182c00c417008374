"""The stage: the application and Stripe's stand-in in one process, under one clock that we hold, emptied in milliseconds.

Nothing goes over a socket: stripe-python is answered by the sandbox in the same thread, webhooks are posted to the WSGI
application, and queued jobs run when the play says so. Everything in between is the product's own code.
"""

import gc
import pickle
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
import stripe
import time_machine
from flask import Flask
from itsdangerous import URLSafeTimedSerializer

from kit import clock, jobs
from kit.database import db
from membership import sessions
from membership.models import Account
from payments import gateway, invariants, pacing, plans, state
from payments.models import StripeEvent
from payments.webhooks import HANDLERS
from sandbox import Sandbox
from sandbox.delivery import sign
from sandbox.direct import Direct
from sandbox.objects import public
from tests import factories
from tests.conftest import WEBHOOK_SECRET, Databases
from tests.machine.deaths import Killed, dying

SETTLING = timedelta(minutes=11)
BEGIN = datetime(2026, 11, 22, 12, tzinfo=UTC)
RENEWALS = {"invoice.paid": "renewal paid", "invoice.payment_failed": "renewal unpaid"}
READERS = ("ann@machine.example", "ben@machine.example")
STAFF = len(READERS)  # her number, after the readers'


class Stage:
    """One a test process and database. ``begin()`` before each history, ``close()`` at the end of all."""

    def __init__(self, app: Flask, databases: Databases) -> None:
        self.app, self.databases = app, databases
        self.sandbox = Sandbox(seed=1, webhook_secret=None)
        self.sandbox.world.base_url = "http://127.0.0.1:1"
        self.stripe = self._client()
        self._undo = self._plug_in()
        self._travel: Any = None
        with self._at(BEGIN):
            self._build()
        self._kept = pickle.dumps([obj for kind in self.sandbox.world.store._objects.values() for obj in kind.values()])
        self._thresholds = gc.get_threshold()
        gc.collect()
        gc.freeze()  # what is here now stays; looking through it again and again would be a tenth of the time
        gc.set_threshold(50_000, 20, 50)
        self._luck = self.sandbox.world.ids.random.getstate()

    # --- building once -------------------------------------------------------------------------------------------------

    def _client(self) -> Any:
        return stripe.StripeClient(
            "sk_test_stage", base_addresses={"api": self.sandbox.world.base_url}, http_client=Direct(self.sandbox), max_network_retries=0
        ).v1

    def _plug_in(self) -> list[tuple[Any, str, Any]]:
        """The application's clients are answered in this process, and nobody has to be spared."""
        undo = [(stripe, "RequestsClient", stripe.RequestsClient), (pacing.Bucket, "take", pacing.Bucket.take)]
        stripe.RequestsClient = lambda *_args, **_kwargs: Direct(self.sandbox)  # type: ignore[misc,assignment]
        pacing.Bucket.take = lambda *_args, **_kwargs: True  # type: ignore[method-assign,assignment]
        self._base = self.app.config["STRIPE_API_BASE"]
        self.app.config["STRIPE_API_BASE"] = self.sandbox.world.base_url
        with self.app.app_context():
            gateway.forget_client()
        return undo

    def _build(self) -> None:
        """Plans on sale and readers who are signed in, kept to begin every history with."""
        self.databases.empty(self.app)
        with self.app.app_context():
            terms = plans.wanted()
            db.session.rollback()
            plans.write(terms, plans.look(terms, create=True))
            db.session.commit()
            self.readers = [factories.make_account(email).id for email in READERS]
            self.staff = factories.make_account("eve@machine.example", role="owner").id
            db.session.rollback()
            jobs.run(self.app, "payments.reconcile", [])  # from here on it knows since when to look
            self.sqlite = db.engine.dialect.name == "sqlite"
            db.session.remove()
        self.drain()  # what it found, of plans and Prices, need not be applied in every history anew
        with self.app.app_context():
            if self.sqlite:
                with db.engine.connect() as connection:
                    connection.exec_driver_sql("commit")
                    connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
                    connection.exec_driver_sql("begin")
                db.engine.dispose()
                shutil.copyfile(self.databases.folder / "test.db", self.databases.folder / "stage.db")
            else:
                self._rows = self._dump()

    def browser(self, who: int | None) -> tuple[Any, str]:
        """A browser with a fresh session (a play lasts longer than one) and a CSRF token; ``who`` None: a guest's; STAFF: hers."""
        kept = {"csrf_token": "0" * 40}
        with self.app.app_context():
            if who is not None:
                account = db.session.get_one(Account, self.staff if who == STAFF else self.readers[who])
                kept |= {"_user_id": sessions.begin(account), "_fresh": True}
                db.session.commit()
            cookie = self.app.session_interface.get_signing_serializer(self.app).dumps(kept)  # type: ignore[attr-defined]
            db.session.remove()
        browser = self.app.test_client()
        browser.set_cookie("session", cookie)
        return browser, str(URLSafeTimedSerializer(self.app.config["SECRET_KEY"], salt="wtf-csrf-token").dumps("0" * 40))

    def _dump(self) -> list[tuple[sa.Table, list[dict[str, Any]]]]:
        with db.engine.connect() as connection:
            found = [(t, [dict(r) for r in connection.execute(sa.select(t)).mappings()]) for t in db.metadata.sorted_tables]
        return [(table, rows) for table, rows in found if rows]

    # --- one history ---------------------------------------------------------------------------------------------------

    @contextmanager
    def _at(self, instant: datetime) -> Iterator[Any]:
        with time_machine.travel(instant, tick=False) as clock:
            yield clock

    def begin(self) -> None:
        """Everything as it was built, at BEGIN."""
        self.end()
        self._travel = time_machine.travel(BEGIN, tick=False)
        self.clock = self._travel.start()
        world = self.sandbox.world
        world.reset()
        for obj in pickle.loads(self._kept):  # noqa: S301 - our own, of a moment ago
            world.store.put(obj)
        world.ids.random.setstate(self._luck)
        self.seen_events = self.noted_events = len(self.sandbox.events())
        self.empty()

    def end(self) -> None:
        if self._travel is not None:
            self._travel.stop()
            self._travel = None

    def close(self) -> None:
        self.end()
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()
        for owner, name, value in self._undo:
            setattr(owner, name, value)
        self.app.config["STRIPE_API_BASE"] = self._base
        with self.app.app_context():
            gateway.forget_client()

    def empty(self) -> None:
        """The application's database as it was built; Stripe and the clock stay."""
        sent: list[Any] = []
        self.app.extensions["mail_transport"], self.app.extensions["sent_mail"] = sent.append, sent
        with self.app.app_context():
            db.session.remove()
            if self.sqlite:
                db.engine.dispose()
                for suffix in ("-wal", "-shm"):
                    (self.databases.folder / f"test.db{suffix}").unlink(missing_ok=True)
                shutil.copyfile(self.databases.folder / "stage.db", self.databases.folder / "test.db")
                return
            with db.engine.begin() as connection:
                self.databases._delete_rows(connection)
                for table, rows in self._rows:
                    connection.execute(table.insert(), rows)
                for table, rows in self._rows:
                    if "id" in table.columns and isinstance(rows[0]["id"], int):
                        connection.execute(
                            sa.text(f"select setval(pg_get_serial_sequence('{table.name}', 'id'), {max(r['id'] for r in rows)})")
                        )

    # --- time ----------------------------------------------------------------------------------------------------------

    def pass_time(self, by: timedelta) -> None:
        """For everybody: what falls due at Stripe meanwhile happens, each at its own moment."""
        self.clock.shift(by)
        self.sandbox.tick()

    def clock_reads(self) -> int:
        """Seconds since 1970, for everybody."""
        return self.sandbox.world.now()

    # --- telling and working -------------------------------------------------------------------------------------------

    def news(self) -> list[dict[str, Any]]:
        """Events that happened since the last call, of the types that our endpoint is registered for.

        Without those of Prices and Products: each contribution makes its own, none is a plan's, and looking at all plans
        for each of them was a third of the time.
        """
        found = self.sandbox.events()[self.seen_events :]
        self.seen_events += len(found)
        return [public(event) for event in found if event["type"] in HANDLERS and not event["type"].startswith(("price.", "product."))]

    def happened(self) -> list[str]:
        """What Stripe has noted since the last call: every type, and a bill of a further period as "renewal paid" or "renewal unpaid"."""
        found = self.sandbox.events()[self.noted_events :]
        self.noted_events += len(found)
        renewed = [one for one in found if one["type"] in RENEWALS and one["data"]["object"]["billing_reason"] == "subscription_cycle"]
        return [*(one["type"] for one in found), *(RENEWALS[one["type"]] for one in renewed if one["data"]["object"]["amount_due"])]

    def tell(self, event: dict[str, Any]) -> None:
        """Post it, signed now; the door must take it."""
        signed = sign(event, WEBHOOK_SECRET)
        answer = self.app.test_client(use_cookies=False).post("/webhooks/stripe", data=signed.body, headers=signed.headers)
        assert answer.status_code == 200, answer.status_code

    def drain(self) -> None:
        """Run what is due, oldest first, until nothing is; what waits for a pause is run too. A job that dies stays queued."""
        while True:
            jobs.look_out(self.app)
            due = self._due()
            if not due:
                return
            done: list[str] = []
            try:
                for workflow_id, name, args in due:
                    if not name.startswith("mail."):  # that they are sent is another test's matter
                        jobs.run(self.app, name, args)
                    done.append(workflow_id)
            finally:
                self._note(done)

    def _note(self, done: list[str]) -> None:
        with self.app.app_context():
            jobs.client().cancel_workflows(done)  # keeps their ids, so a second enqueue stays refused

    def settle(self) -> None:
        """All that waits to be applied; what a dead worker holds, when its leases and claims have run out."""
        self.drain()
        waits = sa.select(StripeEvent.event_id).where(StripeEvent.state == "new").limit(1)
        for _ in range(5):
            if not self.rows(waits):
                return
            self.clock.shift(SETTLING)
            self.drain()

    def drain_until_death(self, moment: str) -> bool:
        """Drain with a worker that dies at ``moment`` (deaths.py); False when it had nothing to die of."""
        try:
            with dying(moment):
                jobs.look_out(self.app)
                for _workflow_id, name, args in self._due():
                    if not name.startswith("mail."):
                        jobs.run(self.app, name, args)
                        if moment == "committed":
                            return True  # the job has done its work, and nobody noted it
        except Killed:
            return True
        return False

    def _due(self) -> list[tuple[str, str, list[Any]]]:
        with self.app.app_context():
            found = jobs.client().list_workflows(status=["ENQUEUED", "DELAYED"], load_output=False)
            return [(flow.workflow_id, *flow.input["args"][:2]) for flow in found]

    def run(self, name: str, *args: Any) -> None:
        """A job that the clock would start."""
        jobs.run(self.app, name, list(args))

    # --- asking --------------------------------------------------------------------------------------------------------

    def violations(self) -> list[str]:
        """What must always hold and does not."""
        with self.app.app_context():
            try:
                return [f"{one.name}: {said}" for one, said in invariants.check()]
            finally:
                db.session.remove()

    def facts(self) -> list[str]:
        """A moment from now: looks that are taken while the clock stands still are dated a microsecond after each other."""
        with self.app.app_context():
            try:
                return list(state.facts(clock.now() + timedelta(seconds=1)))
            finally:
                db.session.remove()

    def rows(self, query: Any) -> list[Any]:
        with self.app.app_context():
            try:
                return list(db.session.execute(query))
            finally:
                db.session.remove()
