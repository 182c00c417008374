"""Instants stay instants; SQLite's writers queue; the ledger takes no change."""

import threading
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from sqlalchemy import exc, select, text

from kit import clock
from kit.database import UTCDateTime, db
from kit.limits import DatabaseStorage
from kit.mail import OutboxMail, queue_mail


def test_an_instant_keeps_its_zone(app: Flask) -> None:
    queue_mail("a@reader.example", "s", "t\n", key="k")
    mail = db.session.scalars(select(OutboxMail)).one()
    mail.created_at = datetime(2026, 3, 29, 3, 30, tzinfo=ZoneInfo("Europe/Berlin"))
    db.session.commit()
    assert db.session.scalars(select(OutboxMail.created_at)).one() == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_datetime_without_a_zone_is_refused(app: Flask) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        UTCDateTime().process_bind_param(datetime(2026, 1, 1), db.engine.dialect)  # noqa: DTZ001


def test_sqlite_is_set_for_money(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        return
    found = {name: db.session.execute(text(f"pragma {name}")).scalar() for name in ("journal_mode", "synchronous", "foreign_keys")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


@pytest.mark.parametrize("statement", ["update ledger_entry set amount = 1", "delete from ledger_entry"])
def test_the_ledger_takes_no_change(app: Flask, statement: str) -> None:
    from payments.models import LedgerEntry

    now = clock.now()
    entry = LedgerEntry(
        source_id="ch_1",
        kind="payment",
        purpose="subscription",
        amount=500,
        currency="usd",
        occurred_at=now,
        recorded_at=now,
        stripe_account="",
    )
    db.session.add(entry)
    db.session.commit()
    with pytest.raises(exc.DBAPIError, match="append-only"):
        db.session.execute(text(statement))
    db.session.rollback()


def test_rate_counts_are_shared_and_expire(app: Flask) -> None:
    storage = DatabaseStorage()
    assert [storage.incr("key", 60) for _ in range(3)] == [1, 2, 3]
    assert DatabaseStorage().get("key") == 3
    storage.incr("gone", -1)
    assert storage.get("gone") == 0
    assert storage.incr("gone", 60) == 1
    storage.clear("key")
    assert storage.get("key") == 0


def test_the_first_tries_of_a_window_all_at_once_are_all_counted(app: Flask) -> None:
    storage, many = DatabaseStorage(), 6
    start = threading.Barrier(many)

    def hit() -> None:
        with app.app_context():
            start.wait(timeout=10)
            storage.incr("burst", 60)

    threads = [threading.Thread(target=hit) for _ in range(many)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert storage.get("burst") == many
