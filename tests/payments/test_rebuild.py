"""An empty database, filled from journal and Stripe and what is ours alone, says the same of everybody; or the difference is shown."""

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from sqlalchemy import func, select

from kit import clock, elsewhere
from kit.database import db
from kit.settings import database_url
from membership import grants, signals
from membership.models import Account, Membership
from payments import gateway, intents, ledger, rebuilding, state
from payments.domain.tables import DERIVED, NOT_NEEDED, OURS, OURS_IN_DERIVED
from payments.models import Customer, JournalLink, LedgerEntry, StripeEvent
from tests import factories
from tests.conftest import POSTGRES
from tests.payments.readers import entitled, press, put_on_sale, subscription_of

GUEST = {"suggested": "", "amount": "25.00", "frequency": "once", "email": "gus@guest.example"}
MONTH = 32 * 86400


def test_every_table_is_of_one_kind() -> None:
    """Who adds a table says whether it is ours alone, derived or not needed: the rebuild depends on it."""
    named = [*OURS, *DERIVED, *NOT_NEEDED]
    assert sorted(named) == sorted(set(named))
    assert set(named) == set(db.metadata.tables)
    assert set(OURS_IN_DERIVED) <= set(DERIVED)
    for name, blank in OURS.items():
        assert set(blank) <= set(db.metadata.tables[name].c.keys())


@pytest.fixture
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database of the asked kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/rebuilt.db"
        return
    if not POSTGRES:
        pytest.skip("no PostgreSQL server answers")
    server, name = sa.create_engine(database_url(POSTGRES), isolation_level="AUTOCOMMIT"), f"wellspring_rebuilt_{tmp_path.name[-20:]}"
    name = name.replace("-", "_").lower()
    with server.connect() as connection:
        connection.exec_driver_sql(f'drop database if exists "{name}" with (force)')
        connection.exec_driver_sql(f'create database "{name}"')
        yield server.url.set(database=name).render_as_string(hide_password=False)
        connection.exec_driver_sql(f'drop database if exists "{name}" with (force)')
    server.dispose()


@pytest.fixture
def busy(app: Flask, visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> list[int]:
    """Three readers and two guests to whom nearly everything happened; answers the readers' account ids."""
    put_on_sale(sandbox)
    ann, bob, cyd = (make_account(f"{name}@reader.example") for name in ("ann", "bob", "cyd"))
    ids = [ann.id, bob.id, cyd.id]
    browsers = [visit(one) for one in (ann, bob, cyd)]
    for browser, plan in zip(browsers, ("reader-monthly", "reader-monthly", "reader-yearly"), strict=True):
        sandbox.pay(press(browser, plan))
    deliver()
    subscriptions = [(row.id, row.customer_id) for row in map(subscription_of, ids)]
    _contribute(visit, sandbox, email="cyd@reader.example")  # a guest with the address of somebody who has proven it
    _contribute(visit, sandbox, email="gus@guest.example", frequency="month", amount="7")
    _contribute(visit, sandbox, email="eve@guest.example", card="4000000000000259")  # disputed
    deliver()
    db.session.rollback()
    grants.grant(db.session.get_one(type(ann), ids[2]), clock.now() + timedelta(days=400), "helped at the fair", "desk")
    db.session.commit()
    sandbox.portal_replace_card(subscriptions[1][1], "4000000000000341")
    sandbox.advance(MONTH)  # ann renews, bob's card fails
    deliver()
    yearly = next(one["id"] for one in sandbox.world.store.all("price") if (one.get("lookup_key") or "") == "reader-yearly")
    sandbox.portal_change_plan(subscriptions[0][0], yearly)
    sandbox.portal_cancel(subscriptions[2][0])
    deliver()
    db.session.rollback()
    charge = db.session.scalars(
        select(LedgerEntry.charge_id).where(LedgerEntry.kind == "payment", LedgerEntry.account_id == ids[0])
    ).first()
    db.session.rollback()
    gateway.create_refund({"charge": charge, "amount": 200}, "a-refund-of-this-test")
    dee = make_account("gus@guest.example")  # the guest makes an account and proves the address
    signals.email_verified.send(dee)
    db.session.commit()
    deliver()
    return ids


def _contribute(visit: Any, sandbox: Any, card: str = "4242424242424242", **typed: str) -> None:
    browser = visit()
    browser.get("/contribute")
    location = browser.submit("/contribute/checkout", **{**GUEST, **typed}).headers["Location"]
    sandbox.pay(next(one["id"] for one in sandbox.world.store.all("checkout.session") if one["url"] == location), card=card)


def rebuild(app: Flask, url: str) -> tuple[int, dict[str, Any]]:
    db.session.rollback()
    done = app.test_cli_runner().invoke(args=["journal", "rebuild", "--json", "--into", url])
    db.session.rollback()
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, json.loads(done.stdout)


def rows(url: str, sql: str) -> list[Any]:
    engine = sa.create_engine(database_url(url))
    with engine.connect() as connection:
        found = list(connection.exec_driver_sql(sql))
    engine.dispose()
    return found


@pytest.mark.parametrize("empty", ["sqlite", "postgresql"], indirect=True)
def test_a_busy_history_is_rebuilt_equal(app: Flask, busy: list[int], empty: str, sandbox: Any, outbox: Any) -> None:
    told = app.test_cli_runner().invoke(args=["journal", "verify"])
    assert told.exit_code == 0, told.output
    mails, asked = len(outbox()), len(sandbox.requests)
    before = list(state.facts())
    events, links = (
        db.session.scalar(select(func.count()).select_from(StripeEvent)),
        db.session.scalar(select(func.count(JournalLink.position))),
    )
    entries = db.session.scalar(select(func.count(LedgerEntry.id)))
    code, found = rebuild(app, empty)
    assert (found["different"], found["failures"], code) == ([], [], 0)
    assert found["lines"] == len(before) > 20
    assert rows(empty, "select count(*) from stripe_event")[0][0] == events
    assert rows(empty, "select count(*) from stripe_event where state = 'new'")[0][0] == 0
    assert rows(empty, "select count(*) from journal_link")[0][0] == links == events
    assert rows(empty, "select count(*) from ledger_entry")[0][0] == entries
    assert rows(empty, "select count(*) from outbox_mail")[0][0] == 0
    workflows = "workflow_status" if empty.startswith("sqlite") else "dbos.workflow_status"
    assert rows(empty, f"select count(*) from {workflows}")[0][0] == 0, "nothing is queued from it"
    assert len(outbox()) == mails
    assert list(state.facts()) == before
    assert {one["method"] for one in sandbox.requests[asked:]} == {"GET"}


@pytest.mark.parametrize("empty", ["sqlite", "postgresql"], indirect=True)
def test_what_staff_placed_and_a_site_of_another_name_are_rebuilt_equal(
    app: Flask,
    visit: Any,
    make_account: Any,
    staff: Any,
    sandbox: Any,
    deliver: Any,
    drain: Any,
    empty: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader of the Checkout, and one whose Subscription was made in the Dashboard, its Customer given to her by staff."""
    put_on_sale(sandbox)
    sandbox.pay(press(visit(make_account("ann@reader.example"))))
    _contribute(visit, sandbox, email="gus@guest.example", frequency="month", amount="7")
    customer = gateway.client().v1.customers.create({"email": "bob@other.example"})
    sandbox.subscribe(customer.id, next(one["id"] for one in sandbox.world.store.all("price") if one.get("lookup_key") == "reader-yearly"))
    deliver()
    bob_id, desk = make_account("bob@reader.example").id, staff("finance").id
    charge = db.session.scalars(
        select(LedgerEntry.charge_id).where(LedgerEntry.account_id.is_(None), LedgerEntry.purpose == "subscription")
    ).first()
    assert charge
    ledger.place(charge, "account", by=desk, note="sold at the fair", account_id=bob_id)
    db.session.commit()
    drain()
    assert entitled(bob_id)
    monkeypatch.setitem(app.config, "PUBLIC_URL", "https://renamed.example")
    code, found = rebuild(app, empty)
    assert (found["different"], found["failures"], code) == ([], [], 0)


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_a_site_in_use_is_copied_as_of_one_moment(app: Flask, empty: str, make_account: Any) -> None:
    """Somebody new presses the button while the long table is copied: her wish must not come without herself."""
    make_account("ann@reader.example")
    target = elsewhere.opened(empty)
    elsewhere.migrate(target)

    def somebody_new() -> None:
        with app.app_context():
            account = factories.make_account("bea@reader.example")
            intents.begin("subscribe", account_id=account.id, amount=500, currency="usd", plan_key=None)
            db.session.commit()
            db.session.remove()

    for table in rebuilding.copy(target):
        if table == "stripe_event":
            other = threading.Thread(target=somebody_new)
            other.start()
            other.join()
    target.dispose()
    assert rows(empty, "select email from account") == [("ann@reader.example",)]
    assert rows(empty, "select count(*) from checkout_intent")[0][0] == 0
    assert db.session.scalar(select(func.count(Account.id))) == 2
    db.session.execute(sa.update(Account).values(name="Ann"))  # the next transaction may write again


SPOILED = {
    "a ledger entry": "update ledger_entry set amount = amount + 1 where id = (select min(id) from ledger_entry where kind = 'payment')",
    "a ledger entry gone": "delete from ledger_entry where id = (select max(id) from ledger_entry where kind = 'fee')",
    "a membership": "update membership set access_until = '2031-01-01 00:00:00+00:00'",
    "a mirror": "update stripe_subscription set status = 'active', amount = 1",
}


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED.keys())
def test_what_somebody_altered_by_hand_is_shown(
    app: Flask, visit: Any, make_account: Any, sandbox: Any, deliver: Any, empty: str, spoil: str
) -> None:
    put_on_sale(sandbox)
    account = make_account()
    sandbox.pay(press(visit(account)))
    deliver()
    db.session.rollback()
    with db.engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("set local session_replication_role = replica")
        else:
            for trigger in ("ledger_entry_no_update", "ledger_entry_no_delete"):
                connection.exec_driver_sql(f"drop trigger {trigger}")
            spoil = spoil.replace("+00:00", ".000000")
        connection.exec_driver_sql(spoil)
    code, found = rebuild(app, empty)
    assert (code, bool(found["different"]), found["failures"]) == (1, True, [])
    assert {line[:2] for line in found["different"]} <= {"- ", "+ "}


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_only_into_an_empty_database(app: Flask, empty: str) -> None:
    runner = app.test_cli_runner()
    own = runner.invoke(args=["journal", "rebuild", "--into", app.config["DATABASE_URL"]])
    assert (own.exit_code, "the one in use" in own.output) == (1, True)
    engine = sa.create_engine(empty)
    with engine.begin() as connection:
        connection.exec_driver_sql("create table something (id integer)")
    engine.dispose()
    full = runner.invoke(args=["journal", "rebuild", "--into", empty])
    assert (full.exit_code, "not empty" in full.output) == (1, True)
    assert runner.invoke(args=["journal", "rebuild", "--into", "postgresql://nobody@127.0.0.1:1/none"]).exit_code == 1


@pytest.mark.parametrize("empty", ["sqlite", "postgresql"], indirect=True)
def test_a_rebuild_that_fails_leaves_nothing_behind(
    app: Flask, visit: Any, make_account: Any, sandbox: Any, deliver: Any, empty: str
) -> None:
    put_on_sale(sandbox)
    account = make_account()
    sandbox.pay(press(visit(account)))
    deliver()
    db.session.rollback()
    runner, address = app.test_cli_runner(), app.config["STRIPE_API_BASE"]
    sandbox.faults(status={"500": 1.0})
    away = runner.invoke(args=["journal", "rebuild", "--into", empty])
    assert (away.exit_code, address in away.output) == (1, True), "it says whom it asked"
    sandbox.faults()
    engine = sa.create_engine(database_url(empty))
    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()
    code, found = rebuild(app, empty)
    assert (code, found["different"]) == (0, [])


@pytest.mark.parametrize("empty", ["sqlite", "postgresql"], indirect=True)
def test_what_was_half_made_is_taken_away(app: Flask, empty: str) -> None:
    target = elsewhere.opened(empty)
    elsewhere.migrate(target)
    elsewhere.discard(target)
    target.dispose()
    elsewhere.opened(empty).dispose()


@pytest.mark.parametrize("empty", ["sqlite"], indirect=True)
def test_the_demo_is_left_out(app: Flask, visit: Any, make_account: Any, sandbox: Any, deliver: Any, empty: str) -> None:
    """What the demo invented stands in no journal; a real reader beside it is compared."""
    put_on_sale(sandbox)
    account, invented = make_account(), make_account("invented@reader.example")
    invented_id, now = invented.id, clock.now()
    sandbox.pay(press(visit(account)))
    deliver()
    db.session.rollback()
    db.session.add(Customer(id="cus_demo_000001", account_id=invented_id, created_at=now))
    db.session.add(
        LedgerEntry(
            source_id="ch_demo_1", kind="payment", purpose="subscription", amount=500, currency="usd", occurred_at=now, recorded_at=now,
            charge_id="ch_demo_1", customer_id="cus_demo_000001", account_id=invented_id,
        )
    )  # fmt: skip
    db.session.add(
        Membership(account_id=invented_id, access_from=now - timedelta(days=3), access_until=now + timedelta(days=30), updated_at=now)
    )
    db.session.commit()
    code, found = rebuild(app, empty)
    assert (found["different"], found["simulated"], code) == ([], 3, 0)
    assert found["lines"] > 5
