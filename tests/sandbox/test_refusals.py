"""What Stripe refuses: states that are over, a second end beside a schedule's, deleted Customers; and what is credited."""

import pytest
import stripe

from sandbox import Declined
from sandbox.billing import charging
from sandbox.errors import StripeError
from tests.sandbox.conftest import NOW, refused

DAY = 86400


def invoice_of(api, customer, amount=700):
    api.invoice_items.create({"customer": customer, "amount": amount, "currency": "usd"})
    made = api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"}).id
    api.invoices.finalize_invoice(made)
    return made


# --- what is over takes no money ----------------------------------------------------------


def test_a_void_invoice_is_never_paid(sb, api, ann):
    made = invoice_of(api, ann)
    api.invoices.void_invoice(made)
    refused(lambda: api.invoices.pay(made), match="can no longer be paid")
    refused(lambda: api.invoices.pay(made, {"paid_out_of_band": True}), match="can no longer be paid")
    assert sb.charges(ann) == []


def test_what_was_paid_out_of_band_is_not_paid_again(sb, api, ann):
    made = invoice_of(api, ann)
    api.invoices.pay(made, {"paid_out_of_band": True})
    payment = api.invoice_payments.list({"invoice": made}).data[0]
    intent = payment.payment.payment_intent
    assert (payment.status, api.payment_intents.retrieve(intent).status) == ("canceled", "canceled")
    refused(lambda: api.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"}), "payment_intent_unexpected_state")
    assert sb.charges(ann) == []


@pytest.mark.parametrize("end", ["succeeded", "canceled", "requires_capture"])
def test_an_intent_that_is_over_is_not_confirmed_again(sb, api, end):
    how = {"capture_method": "manual"} if end == "requires_capture" else {}
    made = api.payment_intents.create(
        {"amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": end != "canceled", **how}
    )
    if end == "canceled":
        api.payment_intents.cancel(made.id)
    refused(lambda: api.payment_intents.confirm(made.id), "payment_intent_unexpected_state")
    with pytest.raises(StripeError, match=f"status of {end}"):
        charging.confirm(sb.world, sb.get(made.id), sb.get(made.payment_method))


def test_a_debit_that_is_on_its_way_is_not_asked_for_twice(sb, api, month):
    session = api.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": month, "quantity": 1}],
            "success_url": "http://127.0.0.1:1/",
            "allowed_payment_method_types": ["sepa_debit"],
        }
    )
    sb.pay(session.id, iban="DE89370400440532013000")
    invoice = sb.get(session.id)["invoice"]
    refused(lambda: api.invoices.pay(invoice), "payment_intent_unexpected_state")
    sb.advance(5)
    assert len(sb.charges(sb.get(session.id)["customer"])) == 1


# --- refunds and disputes ------------------------------------------------------------------


def charge_of(api, card="pm_card_visa", **how):
    made = api.payment_intents.create({"amount": 2000, "currency": "usd", "payment_method": card, "confirm": True, **how})
    return made.latest_charge


def test_a_refund_that_failed_stays_failed(sb, api):
    charge = charge_of(api, "pm_card_pendingRefund")
    refund = api.refunds.create({"charge": charge}).id
    sb.refund_fails(refund)
    told = [e["data"]["previous_attributes"] for e in sb.events() if e["type"] == "refund.updated"]
    assert told[-1] == {"status": "pending"}
    with pytest.raises(StripeError, match="failed"):
        sb.refund_fails(refund)
    sb.advance(6 * DAY)
    assert (sb.get(refund)["status"], sb.get(charge)["amount_refunded"]) == ("failed", 0)
    assert sum(t["amount"] for t in sb.world.store.all("balance_transaction")) == 2000


def test_what_a_capture_in_part_released_is_not_refunded_and_the_rest_is(sb, api):
    made = api.payment_intents.create(
        {"amount": 2000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True, "capture_method": "manual"}
    )
    refused(lambda: api.refunds.create({"charge": made.latest_charge}), "charge_already_refunded")
    api.payment_intents.capture(made.id, {"amount_to_capture": 1500})
    assert api.refunds.create({"charge": made.latest_charge}).amount == 1500
    assert sb.get(made.latest_charge)["refunded"]


def test_an_inquiry_is_answered_by_a_refund(sb, api):
    charge = charge_of(api)
    asked = sb.inquiry(charge)
    api.refunds.create({"charge": charge, "amount": 500})
    assert asked["status"] == "warning_needs_response"
    api.refunds.create({"charge": charge})
    assert asked["status"] == "warning_closed"
    with pytest.raises(StripeError):
        sb.escalate(asked["id"])


def test_a_closed_inquiry_leaves_the_charge_refundable_and_a_dispute_does_not(sb, api):
    charge = charge_of(api)
    sb.dispute_withdrawn(sb.inquiry(charge)["id"])
    api.refunds.create({"charge": charge, "amount": 500})
    taken = sb.dispute(charge)
    assert taken["balance_transactions"][0]["amount"] == -2000  # a bank knows nothing of a refund in part
    refused(lambda: api.refunds.create({"charge": charge}), "charge_disputed")


@pytest.mark.parametrize("how", ["refunded", "lost", "escalated"])
def test_nothing_is_taken_of_what_is_gone(sb, api, how):
    charge = charge_of(api)
    if how == "refunded":
        api.refunds.create({"charge": charge})
    elif how == "lost":
        sb.dispute_lost(sb.dispute(charge)["id"])
    else:
        sb.escalate(sb.inquiry(charge)["id"])
    for open_one in (sb.dispute, sb.inquiry):
        with pytest.raises(StripeError, match="Nothing is left"):
            open_one(charge)


# --- subscriptions -------------------------------------------------------------------------


@pytest.mark.parametrize("wish", [{"cancel_at_period_end": True}, {"cancel_at": ""}, {"cancel_at": NOW + 5 * DAY}])
def test_who_has_a_schedule_is_not_canceled_beside_it(sb, api, sub, wish):
    schedule = api.subscription_schedules.create({"from_subscription": sub}).id
    refused(lambda: api.subscriptions.update(sub, wish), match="managed by the subscription schedule")
    with pytest.raises(StripeError, match="managed by"):
        sb.portal_cancel(sub)
    with pytest.raises(StripeError, match="managed by"):
        sb.portal_undo(sub)
    api.subscription_schedules.release(schedule)
    assert api.subscriptions.update(sub, {"cancel_at_period_end": True}).cancel_at_period_end


def test_trying_by_hand_uses_up_no_automatic_attempt(sb, api, ann, sub):
    sb.card_fails(ann)
    sb.renew(sub)
    invoice = sb.get(sb.get(sub)["latest_invoice"])
    before = (invoice["attempt_count"], invoice["next_payment_attempt"])
    for _ in range(5):
        with pytest.raises(stripe.CardError):
            api.invoices.pay(invoice["id"])
    assert (sb.get(sub)["status"], invoice["attempt_count"], invoice["next_payment_attempt"]) == ("past_due", *before)
    for _ in range(3):
        sb.retry(sub)
    assert (sb.get(sub)["status"], invoice["attempt_count"]) == ("canceled", 4)


def test_the_first_attempt_counts_whoever_makes_it(sb, api, ann):
    made = invoice_of(api, ann)
    assert api.invoices.pay(made).attempt_count == 1


def test_a_paused_subscription_ends_at_its_date(sb, sub):
    end = sb.get(sub)["items"]["data"][0]["current_period_end"]
    sb.cancel_at(sub, end + 5 * DAY)
    sb.pause(sub)
    sb.advance(60 * DAY)
    assert (sb.get(sub)["status"], sb.get(sub)["ended_at"]) == ("canceled", end + 5 * DAY)


def test_what_ended_with_its_period_says_so_and_what_was_cut_off_does_not(sb, ann, month, sub):
    other = sb.subscribe(ann, month)["id"]
    for one in (sub, other):
        sb.cancel_at_period_end(one)
    sb.cancel_now(other)
    sb.advance(32 * DAY)
    assert [(sb.get(s)["status"], sb.get(s)["cancel_at_period_end"]) for s in (sub, other)] == [("canceled", True), ("canceled", False)]


def test_the_end_with_the_period_moves_with_the_period(sb, api, sub, month):
    product = api.prices.retrieve(month).product
    year = api.prices.create({"product": product, "unit_amount": 10000, "currency": "usd", "recurring": {"interval": "year"}}).id
    sb.cancel_at_period_end(sub)
    sb.swap_price(sub, year)
    found = sb.get(sub)
    assert found["cancel_at"] == found["items"]["data"][0]["current_period_end"] == NOW + 365 * DAY


def test_what_was_free_is_credited_with_nothing(sb, api, ann, month):
    product = api.prices.retrieve(month).product
    dearer = api.prices.create({"product": product, "unit_amount": 2000, "currency": "usd", "recurring": {"interval": "month"}}).id
    year = api.prices.create({"product": product, "unit_amount": 10000, "currency": "usd", "recurring": {"interval": "year"}}).id
    free = api.coupons.create({"percent_off": 100, "duration": "forever"}).id
    for price in (dearer, year):
        made = api.subscriptions.create({"customer": ann, "items": [{"price": month}], "discounts": [{"coupon": free}]})
        change = {"items": [{"id": made["items"].data[0].id, "price": price}], "proration_behavior": "always_invoice"}
        shown = api.invoices.create_preview({"subscription": made.id, "subscription_details": change})
        api.subscriptions.update(made.id, change)
        assert (shown.total, sb.get(sb.get(made.id)["latest_invoice"])["total"]) == (0, 0)
    made = api.subscriptions.create({"customer": ann, "items": [{"price": month}], "discounts": [{"coupon": free}]}).id
    sb.pause(made)
    assert {item["amount"] for item in sb.world.store.where("invoiceitem", "customer", ann)} == {0}
    assert (sb.charges(ann), sb.get(ann)["balance"]) == ([], 0)


def test_a_coupon_that_is_spent_lowers_the_credit_and_not_the_charge(sb, api, ann, month):
    half = api.coupons.create({"percent_off": 50, "duration": "once"}).id
    made = api.subscriptions.create({"customer": ann, "items": [{"price": month}], "discounts": [{"coupon": half}]})
    api.subscriptions.update(made.id, {"items": [{"id": made["items"].data[0].id, "quantity": 2}]})
    assert sorted(item["amount"] for item in sb.world.store.where("invoiceitem", "customer", ann)) == [-500, 2000]


# --- deleted customers ---------------------------------------------------------------------


def test_of_a_deleted_customer_only_a_tombstone_is_left(sb, api, ann, month, sub):
    session = api.checkout.sessions.create(
        {"mode": "subscription", "customer": ann, "line_items": [{"price": month, "quantity": 1}], "success_url": "http://127.0.0.1:1/"}
    )
    api.customers.delete(ann)
    assert api.customers.list().data == []
    shown = api.subscriptions.retrieve(sub, {"expand": ["customer.invoice_settings.default_payment_method"]}).customer
    assert shown.to_dict() == {"id": ann, "object": "customer", "deleted": True}
    card = {"amount": 900, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    for param, call in (
        ("id", lambda: api.customers.update(ann, {"name": "Ann"})),
        ("id", lambda: api.customers.delete(ann)),
        ("customer", lambda: api.billing_portal.sessions.create({"customer": ann})),
        ("customer", lambda: api.subscriptions.create({"customer": ann, "items": [{"price": month}]})),
        ("customer", lambda: api.payment_intents.create({"customer": ann, **card})),
        ("customer", lambda: api.payment_methods.attach("pm_card_visa", {"customer": ann})),
    ):
        refused(call, "resource_missing", param)
    with pytest.raises(Declined, match="No such customer"):
        sb.pay(session.id)
    assert [e["type"] for e in sb.events()].count("customer.deleted") == 1


def test_intervals_may_differ_from_the_start_and_not_by_a_change(sb, api, ann):
    """Found by `make chaos`: of two items one was put on a yearly Price, and the other's renewal never came to rest."""
    product = api.products.create({"name": "Reader"}).id
    month, year = (
        api.prices.create({"product": product, "currency": "usd", "unit_amount": amount, "recurring": {"interval": interval}}).id
        for amount, interval in ((500, "month"), (5000, "year"))
    )
    two = [
        {"price": month},
        {"price": api.prices.create({"product": product, "currency": "usd", "unit_amount": 50, "recurring": {"interval": "month"}}).id},
    ]
    api.payment_methods.attach("pm_card_visa", {"customer": ann})
    card = api.payment_methods.list({"customer": ann}).data[0].id
    mixed = api.subscriptions.create({"customer": ann, "items": [{"price": month}, {"price": year}], "default_payment_method": card})
    made = api.subscriptions.create({"customer": ann, "items": two, "default_payment_method": card})
    first, second = (item.id for item in made["items"].data)
    refused(lambda: api.subscriptions.update(made.id, {"items": [{"id": first, "price": year}]}), match="must match")
    assert {item.price.id for item in api.subscriptions.retrieve(made.id)["items"].data} == {month, two[1]["price"]}, "nothing half done"
    api.subscriptions.update(made.id, {"items": [{"id": first, "price": year}, {"id": second, "deleted": True}]})
    sb.advance(40 * DAY)
    assert [item.price.id for item in api.subscriptions.retrieve(made.id)["items"].data] == [year]
    sb.advance(340 * DAY)
    bills = api.invoices.list({"subscription": mixed.id, "limit": 100}).data
    assert [bill.total for bill in reversed(bills)] == [5500, *[500] * 11, 5500], "each renews by itself, together where both are over"
    told = [e["data"]["object"] for e in sb.events() if e["type"] == "invoice.upcoming"]
    assert [bill["total"] for bill in told if bill["parent"]["subscription_details"]["subscription"] == mixed.id] == [*[500] * 11, 5500]
