"""Rows 35 to 60 of docs/scenarios that no other test shows to their end: whose it is, what opens, until when, and what is booked."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from sqlalchemy import func, select

from kit import clock
from kit.database import db
from membership import grace
from membership.models import Account, MembershipInterval
from payments import gateway
from payments.models import Customer, LedgerEntry, Plan, StripeEvent, Subscription
from tests.payments.givers import contribute
from tests.payments.readers import described, entitled, history, press, subscribe, subscription_of

FAILS, GOOD = "4000000000000341", "4242424242424242"


pytestmark = pytest.mark.usefixtures("on_sale")


def booked(kind: str = "payment") -> list[int]:
    """The ledger's entries of a kind, in minor units, oldest first."""
    db.session.rollback()
    mine = select(LedgerEntry.amount).where(LedgerEntry.kind == kind)
    return list(db.session.scalars(mine.order_by(LedgerEntry.occurred_at, LedgerEntry.id)))


def price_id(key: str) -> str:
    found = db.session.get_one(Plan, key).price_id
    db.session.rollback()
    assert found
    return found


def customer_of(account_id: int | None, email: str) -> str:
    """A Customer with a card; our books know it as this account's."""
    api = gateway.client().v1
    made = api.customers.create({"email": email})
    method = api.payment_methods.attach("pm_card_visa", {"customer": made.id})
    api.customers.update(made.id, {"invoice_settings": {"default_payment_method": method.id}})
    if account_id is not None:
        db.session.add(Customer(id=made.id, account_id=account_id, created_at=datetime.now(UTC)))
        db.session.commit()
    return made.id


# --- whose it is ----------------------------------------------------------------------------------------------------------


def test_39_whatever_she_pays_for_she_is_one_customer(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account()).id
    browser = visit(account)
    press(browser)
    press(browser, "reader-yearly")
    db.session.rollback()
    contribute(browser, sandbox, email=db.session.get_one(Account, account_id).email)
    deliver()
    subscribe(visit, sandbox, deliver, db.session.get_one(Account, account_id))
    assert browser.post("/account/billing").status == 303
    assert len([one for one in sandbox.events() if one["type"] == "customer.created"]) == 1
    assert db.session.scalars(select(Customer.account_id)).all() == [account_id]


def test_43_a_name_in_metadata_moves_nothing(reader: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    """Who pays is found by the Customer that we made for her; what a Subscription's metadata claim opens nothing for anybody."""
    account_id, subscription_id = reader
    bob_id, bob = (account := make_account("bob@reader.example")).id, account.public_id
    api = gateway.client().v1
    customer_id = subscription_of(account_id).customer_id
    api.subscriptions.update(subscription_id, {"metadata": {"account": bob, "user_id": str(bob_id)}})
    api.customers.update(customer_id, {"metadata": {"account": bob}})
    deliver()
    assert (entitled(account_id), entitled(bob_id)) == (True, False)
    assert db.session.get_one(Customer, customer_id).account_id == account_id, "a link once made is not moved"
    db.session.rollback()
    foreign = customer_of(None, "carol@other.example")
    sandbox.subscribe(foreign, price_id("reader-monthly"), metadata={"account": bob, "purpose": "subscription"})
    deliver()
    assert not entitled(bob_id)


def test_57_the_same_address_at_stripe_is_not_the_same_reader(reader: Any, make_account: Any, sandbox: Any, deliver: Any) -> None:
    """Two Customers with Ann's address, one of them a stranger's; and Ann takes another address here."""
    account_id, _ = reader
    bob_id = make_account("bob@reader.example").id
    email = db.session.get_one(Account, account_id).email
    customer_of(bob_id, email)
    foreign = customer_of(None, "bob@reader.example")
    sandbox.subscribe(foreign, price_id("supporter-monthly"))
    deliver()
    assert (entitled(account_id), described(account_id)["plan"], entitled(bob_id)) == (True, "reader-monthly", False)
    mine = db.session.get_one(Account, account_id)
    mine.email = mine.email_key = "ann@moved.example"
    db.session.commit()
    sandbox.renew(subscription_of(account_id).id)
    deliver()
    assert entitled(account_id)
    owners = db.session.execute(select(Customer.account_id, func.count()).group_by(Customer.account_id)).all()
    assert dict(map(tuple, owners)) == {account_id: 1, bob_id: 1, None: 1}


def test_56_a_deleted_customer_keeps_the_books_and_she_may_come_back(reader: Any, visit: Any, sandbox: Any, deliver: Any) -> None:
    account_id, _ = reader
    first = subscription_of(account_id).customer_id
    before = booked() + booked("fee")
    sandbox.delete_customer(first)
    deliver()
    assert (entitled(account_id), booked() + booked("fee")) == (False, before)
    db.session.rollback()
    sandbox.advance(2)  # which of two is the newest must not hang on one second
    subscribe(visit, sandbox, deliver, db.session.get_one(Account, account_id))
    assert (entitled(account_id), booked()) == (True, [500, 500])
    assert subscription_of(account_id).customer_id != first


# --- what is booked -------------------------------------------------------------------------------------------------------


def test_44_what_a_bank_showed_her_in_another_currency_is_kept_and_not_booked(visit: Any, sandbox: Any, deliver: Any) -> None:
    contribute(visit(), sandbox)
    (charge,) = sandbox.world.store.all("charge")
    sandbox.take_deliveries()
    with sandbox.world.lock, sandbox.world.changing(charge, "charge.updated") as found:
        found["presentment_details"] = {"presentment_amount": 2315, "presentment_currency": "eur"}
    deliver()
    entry = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")).one()
    assert (entry.amount, entry.currency, entry.purpose) == (2500, "usd", "contribution")
    assert '"presentment_amount"' in str(db.session.scalars(select(StripeEvent.payload)).one()).replace("\\", "")


def test_46_a_period_that_costs_nothing_is_followed_and_not_booked(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    api = gateway.client().v1
    coupon = api.coupons.create({"percent_off": 100, "duration": "once"})
    api.subscriptions.update(subscription_id, {"discounts": [{"coupon": coupon.id}]})
    deliver()
    until = described(account_id)["paid_until"]
    later(32)
    assert described(account_id)["paid_until"] > until + timedelta(days=27)
    assert (entitled(account_id), booked()) == (True, [500])
    later(31)
    assert booked() == [500, 500]


def test_46_of_several_items_the_longest_period_counts(make_account: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id = make_account().id
    customer_id = customer_of(account_id, "dash@reader.example")
    items = [{"price": price_id("reader-monthly")}, {"price": price_id("reader-yearly")}]
    made = gateway.client().v1.subscriptions.create({"customer": customer_id, "items": items})
    deliver()
    ends = [item["current_period_end"] for item in sandbox.get(made.id)["items"]["data"]]
    assert len(set(ends)) == 2
    assert described(account_id)["paid_until"].timestamp() == max(ends)
    booked_so_far = booked()
    later(32)
    again = [item["current_period_end"] for item in sandbox.get(made.id)["items"]["data"]]
    assert (max(again), len(set(again))) == (max(ends), 2), "only the month has been renewed"
    assert described(account_id)["paid_until"].timestamp() == max(again)
    assert booked() == [*booked_so_far, 500]


def test_47_paid_within_the_grace_is_one_payment_and_no_gap(reader: Any, sandbox: Any, later: Any) -> None:
    account_id, _ = reader
    customer_id = subscription_of(account_id).customer_id
    sandbox.card_fails(customer_id)
    later(32)
    assert (described(account_id)["status"], entitled(account_id), booked()) == ("past_due", True, [500])
    sandbox.card_works(customer_id)
    later(0.1)
    assert (described(account_id)["status"], entitled(account_id), booked()) == ("active", True, [500, 500])
    rows = db.session.scalars(select(MembershipInterval).where(MembershipInterval.superseded_at.is_(None)))
    spans = sorted((row.effective_at, row.until) for row in rows)
    assert all(end == begins for (_, end), (begins, _) in itertools.pairwise(spans)), spans


def test_47_a_further_period_that_nobody_pays_opens_nothing(reader: Any, sandbox: Any, later: Any) -> None:
    """Stripe may be told to leave it past due for ever, and then makes a new period each month: none of them is paid."""
    account_id, _ = reader
    sandbox.settings(after_retries="past_due")
    paid_until = described(account_id)["paid_until"]
    sandbox.card_fails(subscription_of(account_id).customer_id)
    later(32)
    assert (described(account_id)["status"], entitled(account_id)) == ("past_due", True)
    later(8)
    assert not entitled(account_id)
    before = history(account_id)
    for _ in range(9):
        later(7.5)
        assert (entitled(account_id), described(account_id)["paid_until"]) == (False, paid_until)
    assert history(account_id) == before, "she was lost once, and not anew each month"
    assert booked() == [500]
    sandbox.card_works(subscription_of(account_id).customer_id)
    later(0.1)
    assert (described(account_id)["status"], entitled(account_id)) == ("active", True)
    assert booked()[0:2] == [500, 500]


def test_48_unpaid_for_more_than_a_period_a_new_card_pays_the_period_that_runs(
    reader: Any, visit: Any, sandbox: Any, deliver: Any, later: Any
) -> None:
    """Stripe leaves the later bills drafts. Nothing is asked for the months in which she could not read."""
    account_id, subscription_id = reader
    sandbox.settings(after_retries="unpaid")
    sandbox.card_fails(subscription_of(account_id).customer_id)
    later(32)
    for _ in range(5):
        later(7)
    found = sandbox.get(subscription_id)
    assert (found["status"], sandbox.get(found["latest_invoice"])["status"]) == ("unpaid", "draft")
    assert not entitled(account_id)
    page = visit(db.session.get_one(Account, account_id)).get("/account/").text
    assert "Your payment of $5.00 never went through, so your subscription rests. Replace your card, and it goes on at once." in page
    sandbox.use_card(subscription_of(account_id).customer_id, GOOD)
    deliver()  # of the card, which a job tries at once
    deliver()  # of the payment
    found = sandbox.get(subscription_id)
    assert (found["status"], sandbox.get(found["latest_invoice"])["status"]) == ("active", "paid")
    assert (entitled(account_id), described(account_id)["status"], booked()) == (True, "active", [500, 500])
    assert described(account_id)["paid_until"].timestamp() == found["items"]["data"][0]["current_period_end"]


@pytest.mark.parametrize("then", ["paid", "canceled"])
def test_48_left_unpaid_then_paid_or_ended(reader: Any, sandbox: Any, deliver: Any, later: Any, then: str) -> None:
    """Stripe may be told to leave it ``unpaid`` after its last try: that opens nothing, until the bill is paid."""
    account_id, subscription_id = reader
    sandbox.card_fails(subscription_of(account_id).customer_id)
    later(32)
    with (
        sandbox.world.lock,
        sandbox.world.changing(sandbox.world.need("subscription", subscription_id), "customer.subscription.updated") as one,
    ):
        one["status"] = "unpaid"
    deliver()
    assert not entitled(account_id)
    if then == "paid":
        sandbox.card_works(subscription_of(account_id).customer_id)
        deliver()
        assert (entitled(account_id), booked(), described(account_id)["status"]) == (True, [500, 500], "active")
    else:
        later(10)
        sandbox.cancel_now(subscription_id)
        deliver()
        assert (entitled(account_id), booked(), described(account_id)["status"]) == (False, [500], "lapsed")
        assert history(account_id)[-1] == ("past_due", "payment")


def test_49_when_stripe_gives_up_access_ends_however_long_the_grace(reader: Any, sandbox: Any, drain: Any, later: Any) -> None:
    account_id, subscription_id = reader
    grace.change(60, "editor@desk.example")
    db.session.commit()
    drain()
    sandbox.card_fails(subscription_of(account_id).customer_id)
    later(32)
    assert entitled(account_id)
    for _ in range(8):
        later(4)
        if sandbox.get(subscription_id)["status"] == "canceled":
            break
        assert entitled(account_id)
    found = sandbox.get(subscription_id)
    assert (found["status"], found["cancellation_details"]["reason"]) == ("canceled", "payment_failed")
    assert (entitled(account_id), history(account_id)[-1]) == (False, ("past_due", "payment"))


# --- until when -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["boolean", "instant", "an instant within the period"])
def test_50_open_until_the_second_in_which_it_ends(reader: Any, sandbox: Any, deliver: Any, how: str) -> None:
    account_id, subscription_id = reader
    end = int(described(account_id)["paid_until"].timestamp())
    if how == "boolean":
        sandbox.cancel_at_period_end(subscription_id)
    else:
        end -= 10 * 86400 if how.startswith("an") else 0
        sandbox.cancel_at(subscription_id, end)
    deliver()
    assert (described(account_id)["status"], described(account_id)["ends_at"].timestamp()) == ("ending", end)
    for offset, open_ in ((-1, True), (0, False)):
        with time_machine.travel(datetime.fromtimestamp(end + offset, UTC), tick=False):
            assert entitled(account_id) is open_, offset


@pytest.mark.parametrize("behavior", ["create_prorations", "always_invoice", "none"])
def test_53_a_credit_is_no_payment(visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Any, behavior: str) -> None:
    """Staff changes her plan down in the Dashboard, at once: the credit lowers later bills. Only what was paid is booked."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account, "supporter-monthly")
    later(10)
    sandbox.swap_price(subscription_id, price_id("reader-monthly"), proration=behavior)
    deliver()
    assert (described(account_id)["plan"], booked(), booked("refund")) == ("reader-monthly", [1200], [])
    later(25)
    charged = [one["amount"] for one in sandbox.world.store.all("charge") if one["status"] == "succeeded"]
    assert booked() == charged
    credit = 0 if behavior == "none" else 700 * 20 / 30  # of the two thirds of the period that were left
    assert sum(charged) == pytest.approx(1200 + 500 - credit, abs=15)  # a period may have 31 days
    assert entitled(account_id)


# --- of a test ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("live", [False, True], ids=["a test site", "the real site"])
def test_68_what_lives_by_a_test_clock_is_followed_only_by_a_test_site(
    make_account: Any, sandbox: Any, app: Any, deliver: Any, monkeypatch: pytest.MonkeyPatch, live: bool
) -> None:
    account_id = (account := make_account()).id
    api = gateway.client().v1
    made = api.test_helpers.test_clocks.create({"frozen_time": int(clock.now().timestamp())})
    customer = api.customers.create({"email": "dash@reader.example", "test_clock": made.id, "metadata": {"account": account.public_id}})
    sandbox.subscribe(customer.id, price_id("reader-monthly"))
    if live:
        monkeypatch.setitem(app.config, "STRIPE_SECRET_KEY", "sk_live_suite")
    assert set(deliver()) == {200}
    assert entitled(account_id) is not live
    db.session.rollback()
    assert (db.session.scalars(select(Subscription)).all() == []) is live
    assert (set(db.session.scalars(select(StripeEvent.state))) == {"ignored"}) is live
