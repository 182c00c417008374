"""A renewal that is not paid: the mails, the bank's question, a new card that is tried at once; and the mails that look ahead."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine

from kit.database import db
from membership import grace
from membership.models import Account
from payments import gateway
from payments.models import Plan
from tests.payments.readers import described, entitled, subscribe, subscription_of

ALWAYS_ASKS, DECLINES_LATER, GOOD = "4000002760003184", "4000000000000341", "4242424242424242"


pytestmark = pytest.mark.usefixtures("on_sale")


@pytest.fixture
def reader(visit: Any, make_account: Any, sandbox: Any, deliver: Any) -> tuple[int, str]:
    account_id = (account := make_account("ann@reader.example")).id
    return account_id, subscribe(visit, sandbox, deliver, account)


def subjects(outbox: Any, part: str) -> list[str]:
    return [mail.subject for mail in outbox() if part in mail.subject]


def new_default(customer_id: str, method: str = "pm_card_visa") -> None:
    """As the Dashboard does it: the Customer's default changes, and Stripe tries nothing by itself."""
    db.session.rollback()
    gateway.client().v1.customers.update(customer_id, {"invoice_settings": {"default_payment_method": method}})


def pays(sandbox: Any) -> list[dict[str, Any]]:
    return [one for one in sandbox.requests if one["path"].endswith("/pay")]


def page(visit: Any, account_id: int) -> Any:
    db.session.rollback()
    return visit(db.session.get(Account, account_id)).get("/account/")


def test_the_bank_asks_and_the_mail_leads_to_it(reader: Any, sandbox: Any, deliver: Any, outbox: Any, later: Any, visit: Any) -> None:
    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, ALWAYS_ASKS)
    later(32)
    row = subscription_of(account_id)
    assert (row.status, row.action_invoice_id) == ("past_due", row.invoice_id)
    assert len(subjects(outbox, "confirm your payment")) == 1
    assert subjects(outbox, "did not go through") == [], "nothing is wrong with her card, and she is not told so"
    mail = next(mail for mail in outbox() if "confirm your payment" in mail.subject)
    assert row.invoice_url
    assert row.invoice_url in mail.text
    seen = page(visit, account_id)
    assert row.invoice_url in seen.links(), "the page leads to the same place"
    assert "Your bank asks you to confirm the payment of $5.00" in seen.text
    assert entitled(account_id)
    intent = sandbox.world.store.get("invoice", row.invoice_id)["_intent"]
    sandbox.authenticate(intent)
    deliver()
    assert described(account_id)["status"] == "active"
    assert subscription_of(account_id).action_invoice_id is None
    assert "Your bank asks you" not in page(visit, account_id).text


def fails(sandbox: Any, deliver: Any, later: Any, customer_id: str) -> None:
    """Her card is replaced by one that will be declined, we hear of it, and a renewal comes."""
    sandbox.portal_replace_card(customer_id, DECLINES_LATER)
    deliver()
    later(32)


def test_a_new_default_card_is_tried_at_once_and_once(reader: Any, sandbox: Any, deliver: Any, later: Any, visit: Any) -> None:
    account_id, subscription_id = reader
    customer_id = subscription_of(account_id).customer_id
    fails(sandbox, deliver, later, customer_id)
    assert subscription_of(account_id).status == "past_due"
    assert pays(sandbox) == []
    new_default(customer_id)
    told = sandbox.take_deliveries()
    deliver(deliveries=[*told, *told])
    assert len(pays(sandbox)) == 1
    deliver()
    row = subscription_of(account_id)
    assert (row.status, row.card_last4) == ("active", "4242")
    assert sandbox.get(subscription_id)["default_payment_method"] == row.payment_method_id, "the card that paid is charged from now on"
    assert "ending in 4242" in page(visit, account_id).text
    later(31)
    assert subscription_of(account_id).status == "active"


def test_a_new_card_that_is_declined_is_not_tried_twice(reader: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, _ = reader
    customer_id = subscription_of(account_id).customer_id
    fails(sandbox, deliver, later, customer_id)
    new_default(customer_id, "pm_card_chargeCustomerFail")
    told = sandbox.take_deliveries()
    deliver(deliveries=told)
    deliver(deliveries=told)
    deliver()
    assert len(pays(sandbox)) == 1
    assert subscription_of(account_id).status == "past_due"


def test_a_card_of_the_subscription_itself_is_tried_too(reader: Any, sandbox: Any, deliver: Any, later: Any) -> None:
    account_id, subscription_id = reader
    fails(sandbox, deliver, later, subscription_of(account_id).customer_id)
    db.session.rollback()
    made = gateway.client().v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    gateway.client().v1.payment_methods.attach(made.id, {"customer": subscription_of(account_id).customer_id})
    gateway.client().v1.subscriptions.update(subscription_id, {"default_payment_method": made.id})
    deliver()
    assert len(pays(sandbox)) == 1
    deliver()
    assert subscription_of(account_id).status == "active"


def test_nothing_overdue_nothing_tried(reader: Any, sandbox: Any, deliver: Any) -> None:
    account_id, _ = reader
    new_default(subscription_of(account_id).customer_id, "pm_card_mastercard")
    deliver()
    assert pays(sandbox) == []


def test_the_last_call_comes_once_shortly_before_the_gate_closes(reader: Any, sandbox: Any, outbox: Any, later: Any, remind: Any) -> None:
    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINES_LATER)
    later(32)  # grace began with the period, a day or two ago
    remind()
    assert subjects(outbox, "Your access to") == [], "the first mail has just gone out"
    for _day in range(4):
        later(1)
        remind()
        remind()
    assert len(subjects(outbox, "Your access to")) == 1
    assert len(subjects(outbox, "did not go through")) == 1
    later(2)
    assert not entitled(account_id)


def test_who_left_in_the_portal_while_a_payment_is_overdue_has_no_last_call(
    reader: Any, sandbox: Any, outbox: Any, later: Any, remind: Any
) -> None:
    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINES_LATER)
    later(32)
    sandbox.portal_cancel(subscription_of(account_id).id)
    for _day in range(6):
        later(1)
        remind()
    assert subjects(outbox, "Your access to") == []


def test_a_change_of_plan_at_stripe_pays_no_renewal(reader: Any, sandbox: Any, later: Any, deliver: Any) -> None:
    """make chaos found it: the newest invoice is the change's then, and access went on to the end of a period that nobody paid."""
    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINES_LATER)
    later(32)
    row = subscription_of(account_id)
    subscription_id, paid = row.id, described(account_id)["paid_until"]
    assert (row.status, paid) == ("past_due", row.period_start)
    db.session.rollback()
    item, dear = (
        gateway.fetch_subscription(subscription_id)["items"]["data"][0]["id"],
        db.session.get_one(Plan, "supporter-monthly").price_id,
    )
    db.session.rollback()
    gateway.update_subscription(subscription_id, {"items": [{"id": item, "price": dear}], "proration_behavior": "always_invoice"})
    deliver()
    assert (subscription_of(account_id).status, described(account_id)["paid_until"]) == ("past_due", paid)


def test_access_is_kept_for_as_long_as_the_editor_says(reader: Any, sandbox: Any, later: Any, drain: Any) -> None:
    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINES_LATER)
    later(32)
    grace.change(20, "editor@desk.example")
    db.session.commit()
    drain()
    paid = described(account_id)["paid_until"]
    with time_machine.travel(paid + timedelta(days=20, seconds=-1), tick=False):
        assert entitled(account_id)
    with time_machine.travel(paid + timedelta(days=20), tick=False):
        assert not entitled(account_id)


def test_a_card_that_will_expire_is_written_about_once(
    reader: Any, sandbox: Any, deliver: Any, outbox: Any, later: Any, remind: Any, visit: Any
) -> None:
    account_id, _ = reader
    method = sandbox.get(subscription_of(account_id).payment_method_id)
    soon = datetime.now(UTC)
    with sandbox.world.lock:
        method["card"] |= {"exp_month": soon.month, "exp_year": soon.year}
        sandbox.world.store.put(method)
        sandbox.world.emit("payment_method.automatically_updated", method)
    deliver()
    for _day in range(3):
        remind()
    assert len(subjects(outbox, "about to expire")) == 1
    assert "Visa card ending in 4242" in next(mail for mail in outbox() if "about to expire" in mail.subject).text
    assert "put in the new one before then" in page(visit, account_id).text


def test_a_year_is_announced_three_weeks_before_it_renews(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, outbox: Any, later: Any, remind: Any
) -> None:
    subscribe(visit, sandbox, deliver, make_account("ann@reader.example"), "reader-yearly")
    later(365 - 22)
    remind()
    assert subjects(outbox, "renews on") == []
    later(1.5)
    remind()
    later(1)
    remind()
    assert len(subjects(outbox, "renews on")) == 1
    mail = next(mail for mail in outbox() if "renews on" in mail.subject)
    assert "$50.00" in mail.text
    assert "4242" in mail.text
    assert "cancel" in mail.text
    later(30)
    remind()
    assert len(subjects(outbox, "renews on")) == 1, "the next year is far"


def test_a_monthly_one_is_not_announced(reader: Any, outbox: Any, later: Any, remind: Any) -> None:
    later(20)
    remind()
    assert subjects(outbox, "renews on") == []


def test_who_leaves_is_not_reminded(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, outbox: Any, later: Any, remind: Any
) -> None:
    account_id = (account := make_account("ann@reader.example")).id
    sandbox.portal_cancel(subscribe(visit, sandbox, deliver, account, "reader-yearly"))
    deliver()
    later(365 - 10)
    remind()
    assert subjects(outbox, "renews on") == []
    assert len(subjects(outbox, "ends on")) == 1
    later(12)
    assert len(subjects(outbox, "has ended")) == 1
    assert "As you asked" in next(mail for mail in outbox() if "has ended" in mail.subject).text
    assert not entitled(account_id)


def test_an_end_for_want_of_money_is_told_in_other_words(reader: Any, sandbox: Any, outbox: Any, later: Any) -> None:
    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINES_LATER)
    later(32)
    for _ in range(7):  # the automatic attempts end on the 45th day, and what is three days old is told to nobody
        later(2)
    assert subscription_of(account_id).status == "canceled"
    assert subscription_of(account_id).payment_method_id is None, "whichever card she has later is nothing to it"
    mails = [mail for mail in outbox() if "has ended" in mail.subject]
    assert len(mails) == 1
    assert "you owe nothing" in mails[0].text


def test_old_news_is_no_news(reader: Any, sandbox: Any, deliver: Any, outbox: Any) -> None:
    """A site that was away for long learns of an end, and writes to nobody about it."""
    account_id, subscription_id = reader
    db.session.rollback()
    gateway.client().v1.subscriptions.cancel(subscription_id)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=4), tick=True):
        from payments import notices, subscriptions

        before = notices.known(subscription_id)
        db.session.rollback()
        row = subscriptions.write(subscriptions.look(subscription_id))
        notices.tell(before, row)
        db.session.commit()
    assert subscription_of(account_id).status == "canceled"
    assert subjects(outbox, "has ended") == []


def test_paused_and_going_on_are_told_once_each(reader: Any, sandbox: Any, deliver: Any, outbox: Any) -> None:
    _account_id, subscription_id = reader
    db.session.rollback()
    client = gateway.client().v1.subscriptions
    client.update(subscription_id, {"pause_collection": {"behavior": "void"}})
    told = sandbox.take_deliveries()
    deliver(deliveries=[*told, *told])
    db.session.rollback()
    client.update(subscription_id, {"pause_collection": ""})
    deliver()
    deliver(deliveries=told)
    assert len(subjects(outbox, "is paused")) == 1
    assert len(subjects(outbox, "goes on")) == 1


def test_a_short_trial_is_announced_at_once(reader: Any, sandbox: Any, deliver: Any, outbox: Any, remind: Any) -> None:
    account_id, subscription_id = reader
    db.session.rollback()
    end = int((datetime.now(UTC) + timedelta(days=2)).timestamp())
    gateway.client().v1.subscriptions.update(subscription_id, {"trial_end": end, "proration_behavior": "none"})
    deliver()
    remind()
    assert subscription_of(account_id).status == "trialing"
    assert len(subjects(outbox, "Your trial of")) == 1
    assert "$5.00 to your Visa card ending in 4242" in next(mail for mail in outbox() if "Your trial of" in mail.subject).text


def test_every_mail_has_one_address_of_ours_or_stripes_and_loads_nothing(
    reader: Any, sandbox: Any, deliver: Any, outbox: Any, later: Any
) -> None:
    import re

    account_id, _ = reader
    sandbox.portal_replace_card(subscription_of(account_id).customer_id, DECLINES_LATER)
    later(32)
    for _ in range(7):  # the automatic attempts end on the 45th day, and what is three days old is told to nobody
        later(2)
    ours = [mail for mail in outbox() if mail.key.partition(":")[0] in ("payment-failed", "action-needed", "ended", "last-call")]
    assert len(ours) >= 2
    for mail in ours:
        hosts = set(re.findall(r"https?://([^/\s\"<]+)", mail.text + (mail.html or "")))
        assert hosts <= {"localhost", sandbox.url.removeprefix("http://")}
        assert "<img" not in (mail.html or "")
        assert len(set(re.findall(r"https?://\S+", mail.text))) == 1


def test_what_a_year_becomes_is_what_its_announcement_says(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, outbox: Any, later: Any, remind: Any
) -> None:
    """She changed to the monthly plan: the mail names it and its price, and promises no year. A discount that goes on counts."""
    account_id = (account := make_account("ann@reader.example")).id
    subscription_id = subscribe(visit, sandbox, deliver, account, "reader-yearly")
    db.session.rollback()
    api = gateway.client().v1
    api.coupons.create({"id": "fifth", "percent_off": 20, "duration": "forever"})
    api.subscriptions.update(subscription_id, {"discounts": [{"coupon": "fifth"}]})
    deliver()
    her = visit(db.session.get_one(Account, account_id))
    her.get("/account/plan")
    assert her.post("/account/plan", {"plan": "reader-monthly"}).status == 303
    deliver()
    seen = page(visit, account_id)
    assert "you are on Reader, monthly for $4.00" in seen.text
    assert "without it, it is $5.00 every month" in seen.text
    later(350)
    remind()
    (mail,) = [mail for mail in outbox() if "renews on" in mail.subject]
    assert "for a year" not in mail.text
    assert "From that day on your plan is Reader, monthly" in mail.text
    assert "we charge $4.00 to your Visa card ending in 4242, and again every month" in mail.text
