"""One trial: start everything, let life go on at Stripe, kill, let it recover, ask the oracle."""

import random
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from app import create_app
from kit.database import db
from membership import sessions
from payments import customers, gateway, plans
from sandbox import Sandbox
from tests import factories
from tests.conftest import WEBHOOK_SECRET, app_settings
from tests.crash import oracle, parts
from tests.crash.traffic import Courier, Giver, Person, Stripe, Subscriber
from tests.waiting import until

READERS = 12
SUBSCRIBERS = 30  # who may come to the pages while it lasts
BACKLOG = 80  # events that may wait, told or not, before life at Stripe pauses: a look costs the worker up to four calls
MONTH_ENDS = 15  # acts until a month passes for everybody
RECOVERY = 150  # seconds; a lease of a killed worker lasts 60


@dataclass
class Report:
    """What was done to it, and what was wrong afterwards."""

    engine: str
    seed: int
    mutant: str
    kills: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    deliveries: int = 0
    unanswered: int = 0
    acts: int = 0
    facts: int = 0
    people: int = 0
    seconds: float = 0.0
    recovery: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        kills = ", ".join(f"{count} {name}" for name, count in sorted(self.kills.items()))
        return (
            f"{self.engine} seed {self.seed}{' ' + self.mutant if self.mutant else ''}: {self.kills.total()} kills ({kills}); "
            f"{self.acknowledged} events acknowledged in {self.deliveries} deliveries, {self.unanswered} unanswered; "
            f"{self.acts} acts at Stripe, {self.facts} movements of money, {self.people} people who paid through the pages; {self.seconds:.0f} s of which {self.recovery:.0f} s recovery; "
            f"{len(self.wrong)} wrong"
        )


class Trial:
    """The parts of a trial on one database."""

    def __init__(self, engine: str, seed: int, folder: Path, url: str, stand_in: Sandbox, mutant: str) -> None:
        self.report = Report(engine, seed, mutant)
        self.random, self.stand_in, self.url = random.Random(seed), stand_in, url
        self.port = parts.free_port()
        self.cookies: list[str] = []
        self._settle_in()
        environment = parts.environment(url, stand_in.url, self.port, mutant)
        self.books = oracle.Books(url)
        self.web, self.worker = parts.web(environment, self.port, folder), parts.worker(environment, folder)
        self.site = f"http://127.0.0.1:{self.port}"
        self.courier = Courier(stand_in, f"{self.site}/webhooks/stripe", seed + 1)
        self._at_checkout = threading.Lock()
        self._over = threading.Event()
        self._trouble: list[BaseException] = []

    def _settle_in(self) -> None:
        """Plans on sale, and readers with Customers, all made by the application's own verbs."""
        app = create_app({**app_settings(self.url), "STRIPE_API_BASE": self.stand_in.url})
        with app.app_context():
            terms = plans.wanted()
            db.session.rollback()
            plans.write(terms, plans.look(terms, create=True))
            db.session.commit()
            ids = []
            for number in range(READERS):
                account = factories.make_account(f"r{number}@crash.example")
                params, key = customers.terms_for(account.id)
                db.session.rollback()
                ids.append(customers.write(gateway.create_customer(params, key)).id)
                db.session.commit()
            signing = app.session_interface.get_signing_serializer(app)  # type: ignore[attr-defined]
            for number in range(SUBSCRIBERS):
                token = sessions.begin(factories.make_account(f"subscriber{number}@reader.example"))
                self.cookies.append(signing.dumps({"_user_id": token, "_fresh": True}))
                db.session.commit()
            db.session.remove()
            db.engine.dispose()
        self.stripe = Stripe(self.stand_in, self.report.seed + 2)
        self.stripe.settle_in(ids)

    def run(self, kills: int) -> Report:
        began = time.monotonic()
        life = [threading.Thread(target=self._guarded, args=(what,), daemon=True) for what in (self._live, self._pay)]
        try:
            until(lambda: self.web.up() and self.worker.up(), seconds=90, what="web and worker")
            # The feed stays shut, so that reconciliation heals nothing of what a kill has lost.
            self.stand_in.faults(status={"500": 1.0}, paths="^/v1/events$", seed=1)
            self.courier.start()
            for thread in life:
                thread.start()
            self._kill(kills)
            self._over.set()
            for thread in life:
                thread.join(timeout=120)
            self._recover()
            if self._trouble:
                raise self._trouble[0]
            self._ask()
        finally:
            self._over.set()
            self.courier.stop()
            self.web.stop()
            self.worker.stop()
            self.books.close()
        self.report.seconds = time.monotonic() - began
        return self.report

    def _guarded(self, what: object) -> None:
        try:
            what()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - told by the main thread
            self._trouble.append(error)

    def _live(self) -> None:
        """Life at Stripe, as fast as the worker follows, and a month that passes for everybody."""
        while not self._over.is_set():
            if self.books.waiting() + self.courier.untold() > BACKLOG:
                self._over.wait(0.1)
                continue
            self.stripe.act()
            self.report.acts += 1
            if self.report.acts == MONTH_ENDS:
                with self._at_checkout:  # a month is longer than a Checkout Session lives
                    self.stripe.let_a_month_pass()

    def _pay(self) -> None:
        """Guests who contribute and readers who subscribe, through the pages that are being killed."""
        while not self._over.wait(0.5):
            number = self.report.people
            person: Person = Giver(self.stand_in, self.site, number)
            if number % 2 and number // 2 < len(self.cookies):
                person = Subscriber(self.stand_in, self.site, number, self.cookies[number // 2])
            with self._at_checkout:
                person.pay(time.monotonic() + 90)
            self.report.people += 1

    def _kill(self, kills: int) -> None:
        """Each time another, at a moment that the seed chooses; sometimes while it is still starting."""
        for _ in range(kills):
            name = self.random.choice(["worker", "worker", "web", "web child"])
            part = self.worker if name == "worker" else self.web
            if self.random.random() > 0.1:
                until(part.up, seconds=90, what=f"the {part.name} to come back ({part.log})")
            self._over.wait(self.random.uniform(0, 1.5))
            if name == "web child" and not part.kill_child(self.random.choice):
                name = "web"
            if name != "web child":
                part.kill()
            self.report.kills[name] += 1
            if self._trouble:
                return

    def _recover(self) -> None:
        """Until everything is told and nothing is left to do."""
        began = time.monotonic()
        until(self.courier.idle, seconds=RECOVERY, what="every event to be acknowledged")
        end = time.monotonic() + RECOVERY
        pause = threading.Event()
        while (self.books.waiting() or self.books.jobs_left()) and time.monotonic() < end:
            pause.wait(0.2)  # what is left then, the oracle names
        self.report.recovery = time.monotonic() - began

    def _ask(self) -> None:
        report = self.report
        report.acknowledged, report.deliveries = len(self.courier.acknowledged), self.courier.deliveries
        report.unanswered = self.courier.refusals
        report.facts = oracle.money(self.stand_in).total()
        report.wrong = oracle.findings(self.books, self.stand_in, self.courier.acknowledged)


def trial(engine: str, *, kills: int, seed: int, mutant: str = "") -> Report:
    """A whole trial on a database of its own ("sqlite" or "postgresql")."""
    with (
        tempfile.TemporaryDirectory(prefix="wellspring-crash-") as folder,
        parts.database(engine, Path(folder)) as url,
        Sandbox(seed=seed, webhook_secret=WEBHOOK_SECRET) as stand_in,
    ):
        return Trial(engine, seed, Path(folder), url, stand_in, mutant).run(kills)
