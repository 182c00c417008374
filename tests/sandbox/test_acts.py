"""The one-line acts for histories in tests, and the rules behind them that no page shows."""

import pytest
import stripe

from sandbox import Direct, Sandbox
from tests.sandbox.conftest import SECRET

DAY = 86400


@pytest.fixture(scope="module")
def _made():
    return Sandbox(seed=11, webhook_secret=SECRET)


@pytest.fixture
def sb(_made):
    _made.reset()
    yield _made
    assert _made.complaints == []


@pytest.fixture
def api(sb):
    return stripe.StripeClient("sk_test_x", base_addresses={"api": sb.url}, http_client=Direct(sb)).v1


@pytest.fixture
def plans(api):
    product = api.products.create({"name": "Membership"}).id
    return {
        name: api.prices.create({"product": product, "unit_amount": amount, "currency": "usd", "recurring": {"interval": every}}).id
        for name, amount, every in (("month", 1000, "month"), ("more", 2000, "month"), ("year", 10000, "year"))
    }


@pytest.fixture
def ann(api):
    return api.customers.create({"email": "ann@reader.example"}).id


@pytest.fixture
def sub(sb, ann, plans):
    made = sb.subscribe(ann, plans["month"])["id"]
    sb.take_deliveries()
    return made


@pytest.fixture
def said(sb):
    return lambda: [d.type for d in sb.take_deliveries()]


def status(sb, sub):
    return sb.get(sub)["status"]


def test_a_year_of_renewals_is_paid_and_told(sb, ann, sub, said):
    for _ in range(12):
        sb.renew(sub)
    assert [c["amount"] for c in sb.charges(ann)] == [1000] * 13
    told = said()
    assert told.count("invoice.paid") == told.count("invoice.upcoming") == 12


def test_a_card_that_fails_and_one_that_works_again(sb, ann, sub, said):
    sb.card_fails(ann)
    sb.renew(sub)
    assert status(sb, sub) == "past_due"
    assert "invoice.payment_failed" in said()
    sb.card_works(ann)
    assert status(sb, sub) == "active"
    assert len(sb.charges(ann)) == 2


@pytest.mark.parametrize(("choice", "ends_as"), [("cancel", "canceled"), ("unpaid", "unpaid"), ("past_due", "past_due")])
def test_after_the_last_retry_the_accounts_setting_decides(sb, api, ann, sub, choice, ends_as):
    sb.settings(after_retries=choice)
    sb.card_fails(ann)
    sb.renew(sub)
    for _ in range(3):
        assert status(sb, sub) == "past_due"
        sb.retry(sub)
    assert status(sb, sub) == ends_as
    if choice == "unpaid":
        sb.renew(sub)
        newest = sb.get(sb.get(sub)["latest_invoice"])
        assert (newest["status"], newest["auto_advance"]) == ("draft", False)
        sb.card_works(ann)
        assert status(sb, sub) == "unpaid", "the older bill is paid, and says nothing of the newest one"
        api.invoices.finalize_invoice(newest["id"])
        api.invoices.pay(newest["id"])
        assert status(sb, sub) == "active"


def test_an_unknown_setting_is_refused(sb):
    from sandbox.errors import StripeError

    with pytest.raises(StripeError):
        sb.settings(after_retries="pray")


@pytest.mark.parametrize(("behavior", "left"), [("void", "void"), ("mark_uncollectible", "uncollectible"), ("keep_as_draft", "draft")])
def test_paused_collection_gives_up_the_invoice_and_ends_by_itself(sb, sub, said, behavior, left):
    end = sb.get(sub)["items"]["data"][0]["current_period_end"]
    sb.pause_collection(sub, behavior, resumes_at=end + 5 * DAY)
    sb.renew(sub)
    assert (status(sb, sub), sb.get(sb.get(sub)["latest_invoice"])["status"]) == ("active", left)
    told = said()
    assert {"void": "invoice.voided", "mark_uncollectible": "invoice.marked_uncollectible", "keep_as_draft": "invoice.created"}[
        behavior
    ] in told
    assert "invoice.paid" not in told
    sb.advance(5 * DAY)
    assert sb.get(sub)["pause_collection"] is None
    sb.renew(sub)
    assert sb.get(sb.get(sub)["latest_invoice"])["status"] == "paid"


def test_a_pause_credits_what_is_left_and_a_resumption_bills_anew(sb, ann, sub, said):
    sb.advance(10 * DAY)
    sb.pause(sub)
    assert (status(sb, sub), sb.get(sub)["status_details"]["paused"]["subscription"]["type"]) == ("paused", "pause_requested")
    sb.advance(90 * DAY)
    assert len(sb.charges(ann)) == 1
    sb.resume(sub)
    assert status(sb, sub) == "active"
    assert 0 < sb.charges(ann)[-1]["amount"] < 1000
    assert {"customer.subscription.paused", "customer.subscription.resumed"} <= set(said())


def test_a_resumption_may_wait_for_the_money(sb, api, ann, sub, said):
    sb.card_fails(ann)
    api.subscriptions.pause(sub, {"bill_for": {"unused_time_from": {"type": "none"}}})
    api.subscriptions.resume(sub, {"payment_behavior": "resume_on_payment_success"})
    assert status(sb, sub) == "paused"
    sb.card_works(ann)
    assert status(sb, sub) == "active"
    assert said().count("customer.subscription.resumed") == 1


def test_a_resumption_may_keep_the_old_day(sb, api, sub):
    end = sb.get(sub)["items"]["data"][0]["current_period_end"]
    sb.advance(5 * DAY)
    sb.pause(sub)
    sb.advance(5 * DAY)
    kept = api.subscriptions.resume(sub, {"billing_cycle_anchor": {"type": "unchanged"}, "proration_behavior": "none"})
    assert kept.items.data[0].current_period_end == end


def test_ends_and_their_undoing(sb, sub, said):
    sb.cancel_at_period_end(sub)
    assert sb.get(sub)["cancel_at_period_end"]
    sb.undo_cancel(sub)
    end = sb.get(sub)["items"]["data"][0]["current_period_end"]
    sb.cancel_at(sub, end - DAY)
    assert (sb.get(sub)["cancel_at"], sb.get(sub)["cancel_at_period_end"]) == (end - DAY, False)
    sb.undo_cancel(sub)
    assert sb.get(sub)["cancel_at"] is None
    sb.cancel_now(sub)
    assert (status(sb, sub), said()[-1]) == ("canceled", "customer.subscription.deleted")


def test_another_price_and_quantity_cost_the_rest_of_the_month(sb, ann, sub, plans):
    sb.swap_price(sub, plans["more"], proration="always_invoice")
    assert sb.charges(ann)[-1]["amount"] == 1000
    sb.set_quantity(sub, 3)
    sb.renew(sub)
    assert sb.charges(ann)[-1]["amount"] == 6000 + 4000
    sb.swap_price(sub, plans["year"])
    assert sb.get(sub)["items"]["data"][0]["price"]["id"] == plans["year"]


def test_a_pending_update_is_applied_when_paid_and_forgotten_when_not(sb, api, ann, sub, plans, said):
    item = sb.get(sub)["items"]["data"][0]["id"]
    change = {
        "items": [{"id": item, "price": plans["more"]}],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete",
    }
    sb.card_fails(ann)
    changed = api.subscriptions.update(sub, change)
    assert (changed.status, changed.items.data[0].price.id) == ("active", plans["month"])
    assert changed.pending_update.subscription_items[0].price.id == plans["more"]
    sb.advance(DAY)
    assert sb.get(sub)["pending_update"] is None
    assert "customer.subscription.pending_update_expired" in said()
    api.subscriptions.update(sub, change)
    sb.card_works(ann)
    assert sb.get(sub)["items"]["data"][0]["price"]["id"] == plans["more"]
    assert "customer.subscription.pending_update_applied" in said()


def test_a_change_that_must_be_paid_is_refused_whole(sb, api, ann, sub, plans):
    sb.card_fails(ann)
    item = sb.get(sub)["items"]["data"][0]["id"]
    with pytest.raises(stripe.CardError):
        api.subscriptions.update(
            sub,
            {
                "items": [{"id": item, "price": plans["more"]}],
                "proration_behavior": "always_invoice",
                "payment_behavior": "error_if_incomplete",
            },
        )
    assert (status(sb, sub), sb.get(sub)["items"]["data"][0]["price"]["id"]) == ("active", plans["month"])


def test_refunds_in_part_in_full_and_sent_back(sb, ann, sub, said):
    charge = sb.charges(ann)[0]
    sb.refund(charge["id"], 300)
    rest = sb.refund(charge["id"])
    assert (rest["amount"], charge["refunded"]) == (700, True)
    sb.refund_fails(rest["id"])
    assert (charge["amount_refunded"], charge["refunded"]) == (300, False)
    assert "refund.failed" in said()


def test_disputes_go_both_ways(sb, ann, sub, said):
    charge = sb.charges(ann)[0]
    sb.warn_of_fraud(charge["id"])
    first = sb.inquiry(charge["id"])
    sb.escalate(first["id"])
    sb.dispute_won(first["id"])
    told = said()
    assert [t for t in told if t.startswith("charge.dispute")] == [
        "charge.dispute.created", "charge.dispute.updated", "charge.dispute.funds_withdrawn",
        "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_reinstated",
    ]  # fmt: skip
    second = sb.inquiry(charge["id"])
    assert sb.dispute_withdrawn(second["id"])["status"] == "warning_closed"
    third = sb.dispute(charge["id"])
    sb.dispute_lost(third["id"])
    assert len(third["balance_transactions"]) == 1
    review = sb.open_review(charge["id"])
    assert sb.close_review(review["id"])["closed_reason"] == "approved"


def test_a_trial_warns_three_days_before_and_then_charges(sb, ann, plans, said):
    made = sb.subscribe(ann, plans["month"], trial_days=14)
    assert made["status"] == "trialing"
    sb.advance(11 * DAY + 60)
    assert said()[-1] == "customer.subscription.trial_will_end"
    sb.advance(3 * DAY + 7200)
    assert (made["status"], len(sb.charges(ann))) == ("active", 1)


def test_a_deleted_customer_ends_her_subscription(sb, ann, sub):
    sb.delete_customer(ann)
    assert status(sb, sub) == "canceled"


def test_a_card_renewed_by_the_bank(sb, sub, said):
    sb.card_renewed_by_bank(sb.get(sub)["default_payment_method"])
    assert said() == ["payment_method.automatically_updated"]


def test_deliveries_lost_refused_and_told_again(sb, api, ann):
    assert len(sb.peek_deliveries()) == sb.drop_deliveries() > 0
    lost = api.events.list({"delivery_success": False}).data
    api.customers.update(ann, {"name": "Ann"})
    (taken,) = sb.take_deliveries()
    assert sb.get(taken.id)["pending_webhooks"] == 0
    sb.refused(taken)
    assert sb.get(taken.id)["pending_webhooks"] == 1
    assert [d.id for d in sb.take_deliveries()] == [taken.id]
    assert len(api.events.list({"delivery_success": False}).data) == len(lost)
    twin = sb.again(lost[0].id)
    assert stripe.Webhook.construct_event(twin.body, twin.headers["Stripe-Signature"], SECRET).id == lost[0].id


def test_the_portal_keeps_a_change_to_less_for_the_periods_end(sb, api, ann, sub, plans, said):
    conditions = [{"type": "decreasing_item_amount"}, {"type": "shortening_interval"}]
    update = {"enabled": True, "default_allowed_updates": ["price"], "products": [], "schedule_at_period_end": {"conditions": conditions}}
    own = api.billing_portal.configurations.create({"features": {"subscription_update": update}}).id
    sb.portal_change_plan(sub, plans["more"], configuration=own)
    assert sb.get(sub)["items"]["data"][0]["price"]["id"] == plans["more"]
    sb.portal_change_plan(sub, plans["month"], configuration=own)
    assert sb.get(sub)["items"]["data"][0]["price"]["id"] == plans["more"]
    schedule = api.subscription_schedules.retrieve(sb.get(sub)["schedule"])
    assert [p.items[0].price for p in schedule.phases] == [plans["more"], plans["month"]]
    sb.renew(sub)
    assert sb.get(sub)["items"]["data"][0]["price"]["id"] == plans["month"]
    assert sb.charges(ann)[-1]["amount"] == 1000 + 1000  # with the rest of the first, dearer month
    sb.renew(sub)
    assert (sb.get(sub)["schedule"], sb.charges(ann)[-1]["amount"]) == (None, 1000)


@pytest.mark.parametrize(("duration", "months", "amounts"), [
    ("once", None, [500, 1000, 1000, 1000]), ("repeating", 2, [500, 500, 1000, 1000]), ("forever", None, [500, 500, 500, 500]),
])  # fmt: skip
def test_a_coupon_lasts_as_long_as_it_says(sb, api, ann, plans, duration, months, amounts):
    coupon = api.coupons.create({"percent_off": 50, "duration": duration} | ({"duration_in_months": months} if months else {}))
    sb.use_card(ann)
    made = api.subscriptions.create({"customer": ann, "items": [{"price": plans["month"]}], "discounts": [{"coupon": coupon.id}]}).id
    for _ in amounts[1:]:
        sb.renew(made)
    assert [c["amount"] for c in sb.charges(ann)] == amounts


@pytest.mark.parametrize(("rules", "fits"), [
    ({}, True), ({"restrictions": {"first_time_transaction": True}}, False),
    ({"restrictions": {"minimum_amount": 1001, "minimum_amount_currency": "usd"}}, False), ({"expires_at": 1}, False),
])  # fmt: skip
def test_a_promotion_code_has_its_restrictions(sb, api, ann, sub, plans, rules, fits):
    coupon = api.coupons.create({"percent_off": 10, "duration": "once"}).id
    code = api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}} | rules).id
    sb.use_card(ann)
    wish = {"customer": ann, "items": [{"price": plans["month"]}], "discounts": [{"promotion_code": code}]}
    if fits:
        api.subscriptions.create(wish)
        assert sb.charges(ann)[-1]["amount"] == 900
    else:
        with pytest.raises(stripe.InvalidRequestError, match="cannot be redeemed"):
            api.subscriptions.create(wish)


@pytest.mark.parametrize(("wish", "ends_as"), [("pause", "paused"), ("cancel", "canceled"), ("create_invoice", "past_due")])
def test_a_trial_that_ends_without_a_card(sb, api, ann, plans, wish, ends_as):
    made = api.subscriptions.create(
        {
            "customer": ann,
            "items": [{"price": plans["month"]}],
            "trial_period_days": 2,
            "trial_settings": {"end_behavior": {"missing_payment_method": wish}},
        }
    ).id
    assert "customer.subscription.trial_will_end" in [d.type for d in sb.take_deliveries()]  # less than three days left
    sb.advance(2 * DAY + 7200)
    assert status(sb, made) == ends_as


def test_a_first_payment_that_never_comes_expires_after_23_hours(sb, api, ann, plans):
    made = api.subscriptions.create({"customer": ann, "items": [{"price": plans["month"]}], "payment_behavior": "default_incomplete"}).id
    sb.advance(23 * 3600 - 10)
    assert status(sb, made) == "incomplete"
    sb.advance(20)
    assert status(sb, made) == "incomplete_expired"
    assert sb.get(sb.get(made)["latest_invoice"])["status"] == "void"


def test_an_open_invoice_is_paid_by_hand_with_another_card(sb, api, ann, sub):
    sb.card_fails(ann)
    sb.renew(sub)
    open_one = sb.get(sub)["latest_invoice"]
    with pytest.raises(stripe.CardError):
        api.invoices.pay(open_one)
    other = api.payment_methods.attach("pm_card_mastercard", {"customer": ann}).id
    assert api.invoices.pay(open_one, {"payment_method": other}).status == "paid"
    assert status(sb, sub) == "active"


def test_a_sticky_error_stays_with_its_key_for_a_day_of_the_clock(sb, api):
    sb.faults(sticky_500=1, times=1, methods=["POST"])
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            api.customers.create({"name": "x"}, {"idempotency_key": "k"})
    assert api.customers.list().data == []
    sb.advance(25 * 3600)
    assert api.customers.create({"name": "x"}, {"idempotency_key": "k"}).id


def test_payouts_and_the_balance(sb, api, ann, sub, said):
    assert api.balance.retrieve().pending[0].amount == 1000 - 59
    with pytest.raises(stripe.InvalidRequestError, match="insufficient"):
        api.payouts.create({"amount": 500, "currency": "usd"})
    sb.advance(2 * DAY + 10)
    made = api.payouts.create({"amount": 500, "currency": "usd"})
    assert api.balance.retrieve().available[0].amount == 941 - 500
    assert [t.amount for t in api.balance_transactions.list({"type": "payout"}).data] == [-500]
    sb.advance(2 * DAY + 10)
    assert (api.payouts.retrieve(made.id).status, said()[-1]) == ("paid", "payout.paid")


@pytest.mark.parametrize(
    ("iban", "paid", "ends_as"), [("DE89370400440532013000", "paid", "active"), ("DE62370400440532013001", "unpaid", "past_due")]
)
@pytest.mark.parametrize("mode", ["payment", "subscription"])
def test_a_bank_debit_tells_its_outcome_later(sb, api, plans, said, mode, iban, paid, ends_as):
    price = (
        plans["month"]
        if mode == "subscription"
        else api.prices.create({"product_data": {"name": "One"}, "unit_amount": 700, "currency": "usd"}).id
    )
    session = api.checkout.sessions.create(
        {
            "mode": mode,
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "http://127.0.0.1:1/",
            "allowed_payment_method_types": ["sepa_debit"],
        }
    )
    sb.pay(session.id, iban=iban)
    done = sb.get(session.id)
    assert (done["status"], done["payment_status"]) == ("complete", "unpaid")
    assert "checkout.session.completed" in said()
    sb.advance(5)
    assert done["payment_status"] == paid
    assert f"checkout.session.async_payment_{'succeeded' if paid == 'paid' else 'failed'}" in said()
    if mode == "subscription":
        assert status(sb, done["subscription"]) == ends_as


def test_a_frozen_clock_moves_only_when_told(sb, api):
    sb.freeze(1_900_000_000)
    assert api.customers.create({}).created == 1_900_000_000
    sb.advance(60)
    assert api.customers.create({}).created == 1_900_000_060


def test_delayed_deliveries_can_be_taken_late(sb, api):
    sb.faults(delay={"rate": 1, "seconds": 3600})
    api.customers.create({})
    assert sb.take_deliveries() == []
    assert [d.type for d in sb.take_deliveries(late=True)] == ["customer.created"]
