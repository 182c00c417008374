"""The chain over the journal: whatever is done to a row afterwards is found, at its place."""

import json
import threading
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from kit import clock
from kit.database import db
from payments import chain, probes
from payments.domain import chain as rules
from payments.models import JournalLink, StripeEvent


def told(number: int, *, ago: timedelta = timedelta(0), account: str = "") -> None:
    """One event in the journal, as the door writes it."""
    db.session.add(
        StripeEvent(
            account=account,
            event_id=f"evt_{number:04d}",
            type="invoice.paid",
            livemode=False,
            created=1,
            payload=json.dumps({"id": f"evt_{number:04d}", "note": "ünï \u2603"}),
            received_at=clock.now() - ago + timedelta(microseconds=number),
            state="ignored",
        )
    )


@pytest.fixture
def seven(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seven events, sealed in batches of three."""
    monkeypatch.setattr(chain, "BATCH", 3)
    monkeypatch.setattr(chain, "SEALED_AT_ONCE", 3)
    for number in range(7):
        told(number)
    db.session.commit()
    assert [chain.seal(), chain.seal(), chain.seal(), chain.seal()] == [3, 3, 1, 0]
    db.session.commit()


def by_force(*statements: str) -> None:
    """As somebody with the database in his hands would do it."""
    db.session.rollback()
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("set local session_replication_role = replica")
        else:
            for trigger in ("stripe_event_no_update", "stripe_event_no_delete", "journal_link_no_update", "journal_link_no_delete"):
                connection.exec_driver_sql(f"drop trigger if exists {trigger}")
        for statement in statements:
            connection.exec_driver_sql(statement)


def verify(app: Flask, *words: str) -> tuple[int, dict[str, Any]]:
    db.session.rollback()
    done = app.test_cli_runner().invoke(args=["journal", "verify", "--json", *words])
    db.session.rollback()
    return done.exit_code, json.loads(done.output)


def test_a_whole_chain_fits_and_its_head_is_kept(app: Flask, seven: None) -> None:
    code, found = verify(app)
    assert (code, found["whole"], found["fit"], found["links"]) == (0, True, 7, 7)
    kept = found["head"]
    told(8)
    db.session.commit()
    code, found = verify(app, "--head", kept)  # an older head: the chain passed through it. And what came since is sealed
    assert (code, found["links"]) == (0, 8)
    assert found["head"] != kept


DONE: dict[str, tuple[tuple[str, ...], int, str]] = {
    "a body altered": (("update stripe_event set payload = payload || ' ' where event_id = 'evt_0003'",), 4, "not the one that was told"),
    "an event gone": (("delete from stripe_event where event_id = 'evt_0003'",), 4, "missing"),
    "an event and its link gone": (
        ("delete from stripe_event where event_id = 'evt_0003'", "delete from journal_link where event_id = 'evt_0003'"),
        4,
        "link is missing",
    ),
    "renumbered after that": (
        (
            "delete from stripe_event where event_id = 'evt_0003'",
            "delete from journal_link where event_id = 'evt_0003'",
            "update journal_link set position = 4 where position = 5",
            "update journal_link set position = 5 where position = 6",
            "update journal_link set position = 6 where position = 7",
        ),
        4,
        "does not follow",
    ),
    "two links swapped": (
        (
            "update journal_link set position = 100 where position = 3",
            "update journal_link set position = 3 where position = 4",
            "update journal_link set position = 4 where position = 100",
        ),
        3,
        "does not follow",
    ),
    "body and digest altered together": (
        ("update journal_link set digest = '" + "0" * 64 + "' where position = 4",),
        4,
        "does not follow",
    ),
}


@pytest.mark.parametrize(("statements", "position", "why"), DONE.values(), ids=DONE.keys())
def test_what_was_done_to_it_is_found_at_its_place(app: Flask, seven: None, statements: tuple[str, ...], position: int, why: str) -> None:
    by_force(*statements)
    code, found = verify(app)
    assert (code, found["position"], found["fit"] < 7) == (1, position, True)
    assert why in found["why"]


def test_an_end_that_was_cut_off_is_found_by_the_head_that_was_kept(app: Flask, seven: None) -> None:
    kept = chain.head().chain
    by_force("delete from stripe_event where event_id = 'evt_0006'", "delete from journal_link where event_id = 'evt_0006'")
    assert verify(app)[0] == 0, "nothing in the database itself can tell"
    code, found = verify(app, "--head", kept)
    assert (code, "cut off" in found["why"]) == (1, True)


def test_what_was_altered_is_not_sealed_before_it_is_checked(app: Flask) -> None:
    """Somebody deletes the newest links and alters a body of theirs. Checking must not make new links over it."""
    for number in range(5):
        told(number, ago=timedelta(hours=5))
    db.session.commit()
    assert chain.seal(whenever=True) == 5
    db.session.commit()
    by_force("delete from journal_link where position >= 3", "update stripe_event set payload = '{}' where event_id = 'evt_0003'")
    code, found = verify(app)
    assert (code, found["event"], "never sealed" in found["why"], found["links"]) == (1, "evt_0002", True, 2)
    assert verify(app)[0] == 1, "nor by the next look"


def test_what_was_made_anew_shows_by_how_late_it_is(app: Flask, seven: None) -> None:
    """The worker seals every minute, so an altered end has new links soon. They are hours younger than their events."""
    kept = chain.head().chain
    by_force("delete from journal_link where position >= 4", "update stripe_event set payload = '{}' where event_id = 'evt_0005'")
    with time_machine.travel(clock.now() + timedelta(hours=5), tick=True):
        while chain.seal():
            db.session.commit()
        db.session.commit()
        code, found = verify(app)
        assert (code, [(one["first"], one["last"]) for one in found["late"]]) == (0, [(4, 7)])
        said = app.test_cli_runner().invoke(args=["journal", "verify"]).output
        assert "links 4 to 7 were sealed up to 5.0 hours late" in said
        assert "say --head" in said
        assert verify(app, "--head", kept)[0] == 1
        db.session.rollback()


def test_a_chain_that_is_gone_as_a_whole_is_not_made_anew_in_silence(app: Flask, seven: None) -> None:
    by_force("delete from journal_link")
    with time_machine.travel(clock.now() + timedelta(hours=5), tick=True):
        assert chain.seal() == 0
        db.session.commit()
        code, found = verify(app)
        assert (code, "never sealed" in found["why"]) == (1, True)
        assert app.test_cli_runner().invoke(args=["journal", "seal", "--whenever"]).output == "7 sealed.\n"
        assert verify(app)[0] == 0


def test_an_event_put_in_with_an_old_date_is_never_sealed_and_found(app: Flask, seven: None) -> None:
    told(99, ago=timedelta(days=3))
    db.session.commit()
    code, found = verify(app)
    assert (code, found["event"]) == (1, "evt_0099")
    assert "never sealed" in probes.sealed()
    db.session.rollback()
    done = app.test_cli_runner().invoke(args=["journal", "seal", "--whenever"])
    assert done.output == "1 sealed.\n"
    assert verify(app)[0] == 0
    assert probes.sealed() == "ok"
    db.session.rollback()


@pytest.mark.parametrize("table", ["stripe_event", "journal_link"])
def test_neither_is_deleted_or_rewritten_by_the_application(app: Flask, seven: None, table: str) -> None:
    changed = {"stripe_event": "payload = 'x'", "journal_link": "chain = 'x'"}[table]
    for statement in (f"delete from {table}", f"update {table} set {changed}"):
        with pytest.raises(DBAPIError, match="not rewritten"):
            db.session.connection().exec_driver_sql(statement)
        db.session.rollback()
    db.session.connection().exec_driver_sql("update stripe_event set state = 'parked', last_error = 'x', attempts = 3")
    db.session.rollback()


def test_two_sealers_make_one_chain(app: Flask) -> None:
    for number in range(40):
        told(number)
    db.session.commit()

    def other() -> None:
        with app.app_context():
            while chain.seal():
                db.session.commit()
            db.session.commit()

    sealers = [threading.Thread(target=other) for _ in range(3)]
    for sealer in sealers:
        sealer.start()
    for sealer in sealers:
        sealer.join()
    db.session.rollback()
    assert list(db.session.scalars(select(JournalLink.position).order_by(JournalLink.position))) == list(range(1, 41))
    assert verify(app)[0] == 0


def test_the_head_goes_where_metrics_are_kept(client: Any, app: Flask, seven: None) -> None:
    head = chain.head()
    db.session.rollback()
    text = client.get("/metrics").get_data(as_text=True)
    assert f'wellspring_journal_head_info{{chain="{head.chain}",links="7"}} 1.0' in text
    assert "wellspring_journal_links 7.0" in text


@given(
    st.lists(st.tuples(st.sampled_from(["", "acct_1"]), st.text("ab", min_size=1, max_size=3), st.text(max_size=9)), max_size=6), st.data()
)
def test_any_other_journal_leads_elsewhere(events: list[tuple[str, str, str]], data: st.DataObject) -> None:
    def head(told: list[tuple[str, str, str]]) -> str:
        return ([rules.GENESIS] + [link.chain for link in rules.links(0, rules.GENESIS, told)])[-1]

    other = data.draw(st.permutations(events) | st.lists(st.sampled_from(events or [("", "a", "")]), max_size=6))
    assert (head(events) == head(other)) == (events == other)
