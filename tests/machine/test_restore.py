"""A backup that is an hour, three days or forty days old is put back: it comes to say what was so, and writes to nobody again.

What is ours alone and was made after the backup (an account, a wish to pay) no Stripe can give back; here there is none.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from kit import jobs
from kit.database import db
from kit.mail import OutboxMail
from membership.models import LoginSession
from payments import restoring
from payments.models import ReconcileRun, Restoration, StripeEvent
from publishing.models import NewsletterDelivery, NewsletterSettings
from publishing.newsletter import issues
from tests import factories
from tests.conftest import POSTGRES
from tests.machine.life import Life
from tests.machine.orders import difference
from tests.machine.stage import Stage
from tests.publishing.test_newsletter_delivery import start
from tests.publishing.test_newsletter_delivery import subscribe as addresses

KEPT = timedelta(days=30)  # Stripe's list of events


@pytest.fixture
def shelf(stage: Stage, tmp_path: Any) -> Iterator["Shelf"]:
    made = Shelf(stage, tmp_path)
    yield made
    made.clear()


class Shelf:
    """Where the backup lies: a file by ``flask backup``, or on PostgreSQL a copy of the whole database."""

    def __init__(self, stage: Stage, folder: Any) -> None:
        self.stage, self.file = stage, folder / "backup.db"

    def save(self) -> None:
        if self.stage.sqlite:
            self._run_command("backup", str(self.file))
        else:
            self._copy(self.stage.databases.name, f"{self.stage.databases.name}_shelf")

    def put_back(self) -> str:
        if self.stage.sqlite:
            return self._run_command("restore", str(self.file), "--yes")
        self._copy(f"{self.stage.databases.name}_shelf", self.stage.databases.name)
        return self._run_command("restore", "--done")

    def clear(self) -> None:
        if not self.stage.sqlite:
            self._run(f'drop database if exists "{self.stage.databases.name}_shelf" with (force)')
        elif self.file.exists():
            self.file.unlink()

    def _copy(self, source: str, target: str) -> None:
        with self.stage.app.app_context():
            db.session.remove()
            db.engine.dispose()
        self._run(f'drop database if exists "{target}" with (force)', f'create database "{target}" template "{source}"')
        self._run(f'alter database "{target}" set synchronous_commit = off')

    def _run(self, *statements: str) -> None:
        server = sa.create_engine(str(POSTGRES).replace("postgresql://", "postgresql+psycopg://", 1), isolation_level="AUTOCOMMIT")
        with server.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        server.dispose()

    def _run_command(self, *words: str) -> str:
        with self.stage.app.app_context():
            done = self.stage.app.test_cli_runner().invoke(args=list(words))
            db.session.remove()
        assert done.exit_code == 0, done.output
        return done.output


def hear(stage: Stage) -> None:
    for event in stage.news():
        stage.tell(event)
    stage.settle()


def live_on(life: Life, gap: timedelta) -> None:
    """What happens in the time that the backup does not know: each kind of thing that Stripe can tell again."""
    life.refund(0, part=True)
    life.dispute(1)
    life.stage.pass_time(gap / 2)
    hear(life.stage)
    life.lose_card(0)
    life.close_dispute(0, won=True)
    life.swap(1, 2)
    life.stage.pass_time(gap / 2)
    life.portal_cancel(1)
    hear(life.stage)


def five_minutes_later(stage: Stage) -> None:
    """What Stripe's list told is applied, so it is the turn of everything that it has."""
    stage.run("payments.reconcile")
    stage.settle()


def waiting_mails(stage: Stage) -> list[str]:
    return [row.key for row in stage.rows(sa.select(OutboxMail.key).where(OutboxMail.state.in_(("queued", "sending"))))]


@pytest.mark.parametrize("days", [1 / 24, 3, 40], ids=["an hour", "three days", "forty days"])
def test_an_old_backup_comes_to_say_what_was_so(stage: Stage, shelf: Shelf, days: float) -> None:
    stage.begin()
    life = Life(stage)
    life.subscribe(0)
    life.subscribe(1)
    life.contribute(0, 20)
    life.contribute(0, 8, monthly=True)
    hear(stage)
    assert waiting_mails(stage), "receipts wait in the backup, and leave right after it was made"
    shelf.save()
    live_on(life, timedelta(days=days))
    wanted = stage.facts()
    stage.sandbox.world.forget_events(before=stage.sandbox.world.now() - int(KEPT.total_seconds()))
    said = shelf.put_back()
    assert "not sent" in said
    assert "compared with Stripe" in said
    assert stage.rows(sa.select(LoginSession.token_hash)) == [], "a session that was ended since must not live again"
    assert difference(stage.facts(), wanted), "the backup is older than what happened, so this test could fail"
    stage.settle()
    five_minutes_later(stage)
    assert difference(stage.facts(), wanted) == ""
    assert waiting_mails(stage) == [], "everything that is found was told before"
    assert stage.rows(sa.select(StripeEvent.event_id).where(StripeEvent.state != "done", StripeEvent.state != "ignored")) == []
    assert stage.rows(sa.select(ReconcileRun.id).where(ReconcileRun.finished_at.is_(None))) == []


def test_a_newsletter_that_was_on_its_way_goes_to_nobody_again(stage: Stage, shelf: Shelf) -> None:
    """C12: the backup has an issue that waits and a switch that says "by itself"; since then it arrived everywhere."""
    stage.begin()
    with stage.app.app_context():
        factories.make_article()
        addresses("ann@list.example", "ben@list.example")
        issues.switch(True, by="editor")
        issue_id = start()
    shelf.save()
    stage.drain()
    assert letters(stage) == ["ann@list.example", "ben@list.example"]
    assert "The newsletter no longer goes out by itself" in shelf.put_back()
    stage.drain()
    stage.pass_time(timedelta(hours=1))
    for _ in range(25):  # past the time after which a leg is taken for lost, and over the next six o'clock
        stage.run("newsletter.daily")
        stage.drain()
        stage.pass_time(timedelta(hours=1))
        with stage.app.app_context():
            factories.make_article(f"news-{stage.clock_reads()}")
            db.session.remove()
    assert letters(stage) == ["ann@list.example", "ben@list.example"]
    found = stage.rows(sa.select(NewsletterDelivery.state).where(NewsletterDelivery.issue_id == issue_id))
    assert [row.state for row in found] == ["skipped", "skipped"]
    assert [row.auto_send for row in stage.rows(sa.select(NewsletterSettings.auto_send))] == [False]


def letters(stage: Stage) -> list[str]:
    """To whom something was sent since the history began, in the order of addresses."""
    return sorted(str(mail["To"]) for mail in stage.app.extensions["sent_mail"])


def undelivered(stage: Stage, *types: str) -> None:
    """These happened while nobody listened: Stripe still tries to tell them."""
    with stage.sandbox.world.lock:
        for event in stage.sandbox.events():
            if event["type"] in types:
                event["pending_webhooks"] = 1


def kinds(keys: list[str]) -> set[str]:
    return {key.partition(":")[0] for key in keys}


@pytest.mark.parametrize("told_again", [False, True], ids=["found by comparing", "told again by Stripe first"])
def test_what_was_told_is_not_told_again_and_what_was_not_is(stage: Stage, shelf: Shelf, told_again: bool) -> None:
    """Backup, a payment with its receipt, the loss; then a refund in the Dashboard. The same Charge tells of both."""
    stage.begin()
    life = Life(stage)
    stage.settle()
    shelf.save()
    life.subscribe(0)
    hear(stage)
    assert "receipt" in kinds(waiting_mails(stage)), "mailed before the loss"
    stage.pass_time(timedelta(hours=1))
    life.refund(0, part=True)
    lost = stage.news()
    shelf.put_back()
    undelivered(stage, *(event["type"] for event in lost))
    for event in lost if told_again else []:
        stage.tell(event)
    jobs.look_out(stage.app)
    for _, name, args in stage._due():
        if name.startswith("payments.apply"):  # sooner than the list is read
            jobs.run(stage.app, name, args)
    stage.settle()
    assert kinds(waiting_mails(stage)) == {"refund"}
    five_minutes_later(stage)
    assert kinds(waiting_mails(stage)) == {"refund"}
    assert stage.rows(sa.select(Restoration.walked_at)) != [(None,)]
    assert stage.rows(sa.select(ReconcileRun.id).where(ReconcileRun.kind == "walk")) != []


def test_what_waits_in_the_backup_to_be_applied_was_told_soon_after(stage: Stage, shelf: Shelf) -> None:
    stage.begin()
    life = Life(stage)
    stage.settle()
    life.subscribe(0)
    for event in stage.news():
        stage.tell(event)
    shelf.save()
    stage.settle()
    assert "receipt" in kinds(waiting_mails(stage))
    shelf.put_back()
    stage.settle()
    assert waiting_mails(stage) == []


def test_a_list_that_cannot_be_read_holds_up_nothing_for_longer_than_an_hour(stage: Stage, shelf: Shelf) -> None:
    stage.begin()
    life = Life(stage)
    stage.settle()
    shelf.save()
    shelf.put_back()
    with stage.app.app_context():
        jobs.client().cancel_workflows([flow for flow, _, _ in stage._due()])
    life.subscribe(0)
    hear(stage)
    waiting = sa.select(StripeEvent.event_id).where(StripeEvent.state == "new")
    with stage.app.app_context():
        assert restoring.holds()
    stage.clock.shift(restoring.LONGEST)
    stage.settle()
    assert stage.rows(waiting) == []


def test_what_stripe_could_not_deliver_is_told_by_mail(stage: Stage) -> None:
    """Not every missed event is a restored backup's: this one nobody was ever told."""
    stage.begin()
    life = Life(stage)
    life.subscribe(0)
    for event in stage.sandbox.events()[-20:]:
        with stage.sandbox.world.lock:
            event["pending_webhooks"] = 1
    stage.news()
    stage.settle()
    jobs.run(stage.app, "payments.reconcile", [])
    stage.settle()
    assert any(key.startswith("receipt") for key in waiting_mails(stage)), waiting_mails(stage)
