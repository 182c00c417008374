"""Books compared with Stripe's: what was missed is found and repaired through the webhook's own doors."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import delete, select, update

from kit import clock, jobs
from kit.database import db
from membership import memberships
from membership.models import Membership, MembershipInterval, MembershipSource
from payments import gateway, reconciliation
from payments.models import LedgerEntry, OutgoingCall, Plan, ReconcileRun, StripeEvent, Subscription
from tests.payments.readers import described, entitled, press, subscribe

pytestmark = pytest.mark.usefixtures("on_sale")


def paid_unheard(visit: Any, sandbox: Any, account: Any) -> int:
    """She paid, and every event of it was lost on its way."""
    account_id = account.id
    sandbox.pay(press(visit(account)))
    sandbox.take_deliveries()
    db.session.rollback()
    return account_id


def run(app: Any, *arguments: str) -> Any:
    """The command, as an operator types it."""
    db.session.rollback()
    return app.test_cli_runner().invoke(args=["stripe", "reconcile", *arguments])


def test_lost_events_are_read_from_the_list(app: Any, visit: Any, sandbox: Any, make_account: Any, drain: Any) -> None:
    account_id = paid_unheard(visit, sandbox, make_account())
    assert not entitled(account_id)
    db.session.rollback()
    jobs.run(app, "payments.reconcile", [])
    drain()
    assert entitled(account_id)
    assert set(db.session.scalars(select(StripeEvent.source))) == {"reconcile"}
    last = db.session.scalars(select(ReconcileRun)).one()
    assert (last.kind, last.report["missed_events"] > 0, last.cursor is not None) == ("events", True, True)
    db.session.rollback()

    jobs.run(app, "payments.reconcile", [])
    assert drain() == 0, "nothing is told twice"
    assert db.session.scalars(select(ReconcileRun).order_by(ReconcileRun.id.desc())).first().report["missed_events"] == 0


def test_what_no_event_tells_any_more_is_found_by_walking(app: Any, visit: Any, sandbox: Any, make_account: Any) -> None:
    account_id = paid_unheard(visit, sandbox, make_account())
    jobs.run(app, "payments.reconcile_nightly", [])
    assert entitled(account_id)
    entry = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")).one()
    assert (entry.amount, entry.purpose, entry.account_id) == (500, "subscription", account_id)


def told_by_the_list() -> set[str]:
    db.session.rollback()
    found = set(db.session.scalars(select(StripeEvent.type).where(StripeEvent.source == "reconcile")))
    db.session.rollback()
    return found


def test_a_day_that_lies_ahead_is_refused(app: Any) -> None:
    found = run(app, "--since", "2199-01-01")
    assert (found.exit_code, "nothing has happened since" in found.output) == (2, True), found.output
    assert db.session.scalars(select(ReconcileRun)).all() == []


def test_a_look_from_a_later_day_on_skips_nothing_for_the_next_one(
    app: Any, visit: Any, sandbox: Any, make_account: Any, drain: Any
) -> None:
    """The worker was down for two days; somebody looks at today alone; then it is started."""
    jobs.run(app, "payments.reconcile", [])
    drain()
    assert "checkout.session.completed" not in told_by_the_list()
    paid_unheard(visit, sandbox, make_account())
    with time_machine.travel(clock.now() + timedelta(days=2), tick=True):
        sandbox.tick()
        assert run(app, "--since", f"{clock.now():%Y-%m-%d}").exit_code == 0
        assert "checkout.session.completed" not in told_by_the_list()
        jobs.run(app, "payments.reconcile", [])
        assert "checkout.session.completed" in told_by_the_list()


def test_c14_a_clock_that_was_400_days_on_leaves_nothing_unlooked_at(
    app: Any, visit: Any, sandbox: Any, make_account: Any, drain: Any
) -> None:
    for job in ("payments.reconcile", "payments.reconcile_nightly"):
        jobs.run(app, job, [])
    sandbox.freeze(int(clock.now().timestamp()))  # it is our clock that jumps, not Stripe's
    with time_machine.travel(clock.now() + timedelta(days=400), tick=True):
        for job in ("payments.reconcile", "payments.reconcile_nightly"):
            jobs.run(app, job, [])
    # And as an earlier release would have noted it.
    ahead = int((clock.now() + timedelta(days=370)).timestamp())
    db.session.add(ReconcileRun(kind="events", started_at=clock.now(), finished_at=clock.now(), cursor=ahead, report={}))
    db.session.commit()
    drain()
    now = clock.now()
    since = reconciliation.money_since()
    assert since is not None
    assert (since < now, reconciliation.since_last() < now) == (True, True)
    account_id = paid_unheard(visit, sandbox, make_account())
    jobs.run(app, "payments.reconcile", [])
    drain()
    assert entitled(account_id)


def test_one_object_that_cannot_be_repaired_keeps_no_other_from_it(
    app: Any, visit: Any, sandbox: Any, make_account: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    readers = [paid_unheard(visit, sandbox, make_account()) for _ in range(3)]
    follow, met = memberships.follow, []

    def poisoned(account_id: int, snapshot: Any) -> Any:
        met.append(account_id)
        if account_id == met[0]:
            raise RuntimeError("a fault in what follows from this one")
        return follow(account_id, snapshot)

    monkeypatch.setattr(memberships, "follow", poisoned)
    jobs.run(app, "payments.reconcile_nightly", [])
    assert [entitled(one) for one in readers if one != met[0]] == [True, True]
    found = db.session.scalars(select(ReconcileRun)).one()
    assert found.finished_at is not None
    assert [one["repaired"] for one in found.report["drift"] if one["kind"] == "subscription"].count(False) == 1


def test_dry_run_only_looks_and_exits_1(app: Any, visit: Any, sandbox: Any, make_account: Any) -> None:
    account_id = paid_unheard(visit, sandbox, make_account())
    found = run(app, "--dry-run", "--json")
    assert found.exit_code == 1
    report = json.loads(found.stdout)
    assert {one["kind"] for one in report["drift"]} == {"subscription", "charge", "invoice payment", "balance movement"}
    assert {one["cause"] for one in report["drift"]} == {"no event about it was ever told: lost on its way, or not in a restored backup"}
    assert not any(one["repaired"] for one in report["drift"])
    assert report["missed_events"] > 0
    assert not entitled(account_id)
    db.session.rollback()
    assert db.session.scalars(select(StripeEvent)).all() == []


def test_repaired_once_then_clean(app: Any, visit: Any, sandbox: Any, make_account: Any, drain: Any) -> None:
    account_id = paid_unheard(visit, sandbox, make_account())
    first = run(app)
    assert (first.exit_code, "repaired  subscription" in first.output) == (0, True), first.output
    assert entitled(account_id)
    drain()
    again = run(app, "--dry-run")
    assert (again.exit_code, "No difference." in again.output) == (0, True), again.output


def test_a_projection_that_was_lost_is_built_again(app: Any, visit: Any, sandbox: Any, make_account: Any, deliver: Any) -> None:
    account = make_account()
    account_id = account.id
    subscribe(visit, sandbox, deliver, account)
    before = described(account_id)
    for table in (MembershipInterval, MembershipSource, Membership, Subscription):
        db.session.execute(delete(table))
    db.session.commit()
    assert not entitled(account_id)
    assert run(app).exit_code == 0
    assert described(account_id) == before


def test_a_membership_that_does_not_follow_is_drift(app: Any, visit: Any, sandbox: Any, make_account: Any, deliver: Any) -> None:
    account = make_account()
    account_id = account.id
    subscribe(visit, sandbox, deliver, account)
    for table in (MembershipInterval, MembershipSource, Membership):
        db.session.execute(delete(table))
    db.session.commit()
    found = run(app)
    assert "membership does not follow it" in found.output
    assert entitled(account_id)


def test_the_demos_readers_are_left_out_and_counted(app: Any, sandbox: Any) -> None:
    now = clock.now()
    for name in ("sub_demo_1", "sub_demo_2", "sub_gone"):
        db.session.add(
            Subscription(
                id=name, customer_id="cus_x", purpose="subscription", status="active", currency="usd", started_at=now, fetched_at=now
            )
        )
    db.session.commit()
    report = json.loads(run(app, "--dry-run", "--json").stdout)
    assert report["simulated"] == 2
    assert [(one["id"], one["what"]) for one in report["drift"]] == [("sub_gone", "Stripe does not list it")]


def test_stripe_away_is_said_in_a_line(app: Any, sandbox: Any) -> None:
    sandbox.faults(status={"500": 1.0})
    found = run(app)
    assert found.exit_code == 1
    assert "Stripe: " in found.output
    assert "Traceback" not in found.output


# --- changes of which no event tells any more ------------------------------------------------------------------------


def walked(app: Any) -> list[tuple[str, str, bool]]:
    """(what, cause, repaired) of each difference that a nightly walk found at a Subscription."""
    db.session.rollback()
    jobs.run(app, "payments.reconcile_nightly", [])
    db.session.rollback()
    run = db.session.scalars(select(ReconcileRun).order_by(ReconcileRun.id.desc())).first()
    assert run is not None
    return [(one["what"], one["cause"], one["repaired"]) for one in run.report["drift"] if one["kind"] == "subscription"]


def more_seats(subscription: Any) -> dict[str, Any]:
    return {"items": [{"id": subscription["items"]["data"][0]["id"], "quantity": 3}], "proration_behavior": "none"}


def collection_paused(_subscription: Any) -> dict[str, Any]:
    return {"pause_collection": {"behavior": "void", "resumes_at": int(clock.now().timestamp()) + 90 * 86400}}


def half_for_ever(_subscription: Any) -> dict[str, Any]:
    return {"discounts": [{"coupon": gateway.client().v1.coupons.create({"percent_off": 50, "duration": "forever"}).id}]}


def one_bill_less(_subscription: Any) -> dict[str, Any]:
    coupon = gateway.client().v1.coupons.create({"amount_off": 300, "currency": "usd", "duration": "once"})
    return {"discounts": [{"coupon": coupon.id}]}


@pytest.mark.parametrize(
    ("change", "named", "after"),
    [
        (more_seats, "quantity: ours 1, Stripe's 3", {"quantity": 3, "amount": 1500, "next_amount": 1500}),
        (collection_paused, "pause_behavior: ours None, Stripe's void", {"pause_behavior": "void"}),
        (half_for_ever, "mrr_720: ours 360000, Stripe's 180000", {"mrr_720": 250 * 720, "next_amount": 250}),
        (one_bill_less, "next_amount: ours 500, Stripe's 200", {"mrr_720": 500 * 720, "next_amount": 200}),
    ],
)
def test_a_change_whose_events_were_lost_is_found_by_the_walk(
    app: Any, visit: Any, sandbox: Any, make_account: Any, deliver: Any, change: Any, named: str, after: dict[str, Any]
) -> None:
    subscription_id = subscribe(visit, sandbox, deliver, make_account())
    assert walked(app) == []
    gateway.client().v1.subscriptions.update(subscription_id, change(sandbox.get(subscription_id)))
    sandbox.take_deliveries()
    ((what, cause, repaired),) = walked(app)
    assert (named in what, repaired) == (True, True), what
    assert "an event since was lost" in cause
    row = db.session.get_one(Subscription, subscription_id)
    assert {name: getattr(row, name) for name in after} == after
    assert walked(app) == []


def test_a_plan_that_waits_and_whose_events_were_lost_is_found_by_the_walk(
    app: Any, visit: Any, sandbox: Any, make_account: Any, deliver: Any
) -> None:
    subscription_id = subscribe(visit, sandbox, deliver, make_account(), plan="supporter-monthly")
    cheaper = db.session.get_one(Plan, "reader-monthly").price_id
    api, item = gateway.client().v1.subscription_schedules, sandbox.get(subscription_id)["items"]["data"][0]
    db.session.rollback()
    schedule = api.create({"from_subscription": subscription_id})
    phases: Any = [
        {"items": [{"price": item["price"]["id"]}], "start_date": item["current_period_start"], "end_date": item["current_period_end"]},
        {"items": [{"price": cheaper}], "duration": {"interval": "month"}},
    ]
    api.update(schedule.id, {"phases": phases, "end_behavior": "release"})
    sandbox.take_deliveries()
    ((what, _, repaired),) = walked(app)
    assert ("next_plan_key: ours None, Stripe's reader-monthly" in what, repaired) == (True, True), what
    row = db.session.get_one(Subscription, subscription_id)
    assert (row.next_plan_key, row.next_amount, row.schedule_id) == ("reader-monthly", 500, schedule.id)
    assert walked(app) == []


def test_a_period_that_was_paid_unheard_while_another_bill_is_open_is_found_by_the_walk(
    app: Any, visit: Any, sandbox: Any, make_account: Any, deliver: Any
) -> None:
    """The status goes on to be past due, for a change within the period: until when she has paid is all that differs."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    api = gateway.client().v1
    with time_machine.travel(clock.now() + timedelta(days=32), tick=True):
        sandbox.portal_replace_card(sandbox.get(subscription_id)["customer"], card="4000000000000341")
        sandbox.tick()
        deliver()
        unpaid, before = described(account_id)["paid_until"], sandbox.get(subscription_id)["latest_invoice"]
        item = sandbox.get(subscription_id)["items"]["data"][0]
        api.subscriptions.update(subscription_id, {"items": [{"id": item["id"], "quantity": 2}], "proration_behavior": "always_invoice"})
        deliver()
        assert sandbox.get(subscription_id)["latest_invoice"] != before
        assert (described(account_id)["status"], described(account_id)["paid_until"]) == ("past_due", unpaid)
        api.invoices.pay(before, {"paid_out_of_band": True})
        sandbox.take_deliveries()
        assert sandbox.get(subscription_id)["status"] == "past_due"
        ((what, _, repaired),) = walked(app)
        assert (what.startswith("paid until: ours "), repaired) == (True, True), what
        assert described(account_id)["paid_until"] == clock.from_timestamp(item["current_period_end"])
        assert walked(app) == []


# --- the other commands ------------------------------------------------------------------------------------------------


def test_plans_are_found_not_made_again(app: Any, sandbox: Any) -> None:
    db.session.rollback()
    done = app.test_cli_runner().invoke(args=["stripe", "plans", "sync", "--json"])
    assert done.exit_code == 0, done.output
    assert {plan["key"]: plan["amount"] for plan in json.loads(done.stdout)} == {
        "reader-monthly": 500,
        "reader-yearly": 5000,
        "supporter-monthly": 1200,
        "supporter-yearly": 12000,
    }
    assert len([one for one in sandbox.events() if one["type"] == "price.created"]) == 4


def synced(app: Any) -> dict[str, bool]:
    """Which plan is on sale after ``stripe plans sync``."""
    db.session.rollback()
    done = app.test_cli_runner().invoke(args=["stripe", "plans", "sync", "--json"])
    assert done.exit_code == 0, done.output
    return {plan["key"]: plan["on_sale"] for plan in json.loads(done.stdout)}


def test_plans_whose_price_was_deleted_are_made_again(app: Any, sandbox: Any) -> None:
    for _ in range(2):
        old = db.session.scalars(select(Plan.price_id).where(Plan.key == "reader-monthly")).one()
        sandbox.world.store.drop(sandbox.get(old))  # Stripe's Dashboard deletes what was never used
        assert all(synced(app).values())
        assert db.session.scalars(select(Plan.price_id).where(Plan.key == "reader-monthly")).one() != old


def test_a_level_that_was_deleted_with_its_product_is_made_again(app: Any, sandbox: Any) -> None:
    for _ in range(2):
        old = [sandbox.get(one) for one in db.session.scalars(select(Plan.price_id).where(Plan.level == "reader"))]
        for price in old:
            sandbox.world.store.drop(price)
        sandbox.world.store.drop(sandbox.get(old[0]["product"]))
        assert all(synced(app).values())
        new = [sandbox.get(one) for one in db.session.scalars(select(Plan.price_id).where(Plan.level == "reader"))]
        assert len(new) == len(old)
        assert {price["product"] for price in new}.isdisjoint({price["product"] for price in old})


@pytest.mark.parametrize("forgotten", [False, True], ids=["lately", "long ago"])
def test_plans_whose_price_was_archived_stay_off_sale(app: Any, sandbox: Any, forgotten: bool) -> None:
    """That is how an editor takes one off sale: a routine command must neither undo it nor stumble over it."""
    old = db.session.scalars(select(Plan.price_id).where(Plan.key == "reader-yearly")).one()
    if forgotten:
        db.session.execute(delete(OutgoingCall))
        sandbox.advance(91 * 24 * 3600)
    db.session.commit()
    gateway.client().v1.prices.update(old, {"active": False})
    assert [key for key, on_sale in synced(app).items() if not on_sale] == ["reader-yearly"]
    db.session.rollback()
    assert f"{old}  archived at Stripe" in app.test_cli_runner().invoke(args=["stripe", "plans", "sync"]).output
    gateway.client().v1.prices.update(old, {"active": True})
    assert all(synced(app).values())
    assert db.session.scalars(select(Plan.price_id).where(Plan.key == "reader-yearly")).one() == old


def test_the_endpoint_gets_exactly_what_we_handle(app: Any, sandbox: Any) -> None:
    from payments.webhooks import HANDLERS

    db.session.rollback()
    done = app.test_cli_runner().invoke(args=["stripe", "endpoint", "register", "--json"])
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    endpoint = sandbox.get(made["id"])
    assert set(endpoint["enabled_events"]) == set(HANDLERS)
    assert (endpoint["api_version"], endpoint["url"]) == (gateway.API_VERSION, "http://localhost/webhooks/stripe")
    assert made["secret"].startswith("whsec_")
    again = json.loads(app.test_cli_runner().invoke(args=["stripe", "endpoint", "register", "--json"]).stdout)
    assert again["id"] == made["id"]


def test_events_can_be_listed_shown_and_replayed(app: Any, visit: Any, sandbox: Any, make_account: Any, deliver: Any, drain: Any) -> None:
    subscribe(visit, sandbox, deliver, make_account())
    db.session.rollback()
    command = app.test_cli_runner()
    listed = json.loads(command.invoke(args=["events", "list", "--type", "invoice.", "--json"]).stdout)
    assert {one["type"].partition(".")[0] for one in listed} == {"invoice"}
    event_id = next(one["id"] for one in listed if one["state"] == "done")
    assert json.loads(command.invoke(args=["events", "show", event_id]).stdout)["payload"]["id"] == event_id
    assert json.loads(command.invoke(args=["events", "show", event_id, "--json"]).stdout)["id"] == event_id
    assert json.loads(command.invoke(args=["events", "replay", event_id, "--json"]).stdout) == {"queued": [event_id], "refused": []}
    assert command.invoke(args=["events", "replay", event_id]).output == "1 queued.\n"
    assert drain() == 1
    assert command.invoke(args=["events", "replay", "evt_none"]).exit_code == 1
    assert command.invoke(args=["events", "replay"]).exit_code == 2


def test_staff_see_what_differed_and_why(app: Any, visit: Any, sandbox: Any, make_account: Any, staff: Any, drain: Any) -> None:
    paid_unheard(visit, sandbox, make_account())
    desk = visit(staff("finance"))
    assert "Nothing was compared yet" in desk.get("/admin/reconciliation/").text
    assert desk.submit("/admin/reconciliation/now").status == 303
    drain()
    page = desk.get("/admin/reconciliation/?which=different")
    assert "all repaired" in page.text or "events missed" in page.text
    assert run(app, "--dry-run").exit_code == 0
    drain()
    jobs.run(app, "payments.reconcile_nightly", [])
    assert "no difference" in desk.get("/admin/reconciliation/").text
    assert visit(staff("editor")).get("/admin/reconciliation/").status == 403


def test_each_cause_is_named(app: Any, visit: Any, sandbox: Any, make_account: Any, deliver: Any) -> None:
    """Never told; told and altered since."""
    subscribe(visit, sandbox, deliver, make_account())
    paid_unheard(visit, sandbox, make_account())
    db.session.execute(update(Subscription).values(amount=1))
    db.session.commit()
    report = json.loads(run(app, "--dry-run", "--json").stdout)
    causes = {one["cause"].partition(":")[0].partition(",")[0] for one in report["drift"] if one["kind"] == "subscription"}
    assert causes == {"no event about it was ever told", "told and applied"}
