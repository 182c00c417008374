"""Subscriptions over time: renewal, failed renewal, the end, plan changes, trials, test clocks."""

import pytest
import stripe

DAY = 86400
HOUR = 3600


def item(subscription):
    return subscription["items"].data[0]


@pytest.fixture
def clock(client):
    return client.test_helpers.test_clocks.create({"frozen_time": 1893456000})


@pytest.fixture
def on_clock(client, clock, monthly):
    """A subscription on a test clock, with the card named."""

    def make(card="pm_card_visa", **params):
        customer = client.customers.create({"email": "c@example.com", "test_clock": clock.id})
        method = client.payment_methods.attach(card, {"customer": customer.id})
        client.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
        given = {"customer": customer.id, "items": [{"price": monthly.id}]}
        return client.subscriptions.create(given | params)

    return make


@pytest.fixture
def advance(client, clock):
    def move(seconds):
        now = client.test_helpers.test_clocks.retrieve(clock.id).frozen_time
        moved = client.test_helpers.test_clocks.advance(clock.id, {"frozen_time": now + seconds})
        assert moved.status == "ready"
        return moved.frozen_time

    return move


def test_a_renewal_bills_an_hour_after_the_period_began(client, on_clock, advance, types):
    subscription = on_clock()
    types()
    advance(31 * DAY + 60)
    drafted = client.invoices.list({"subscription": subscription.id}).data[0]
    assert (drafted.status, drafted.billing_reason) == ("draft", "subscription_cycle")
    renewed = client.subscriptions.retrieve(subscription.id)
    assert item(renewed).current_period_start == item(subscription).current_period_end
    advance(HOUR)
    paid = client.invoices.retrieve(drafted.id)
    assert (paid.status, paid.amount_paid) == ("paid", 1000)
    said = types()
    for wanted in ("invoice.upcoming", "invoice.created", "customer.subscription.updated", "invoice.finalized", "invoice.paid"):
        assert wanted in said


def test_monthly_periods_keep_the_anchors_day(client, monthly):
    clock = client.test_helpers.test_clocks.create({"frozen_time": 1738324800})  # 31 January 2025, 12:00 UTC
    customer = client.customers.create({"test_clock": clock.id, "payment_method": "pm_card_visa"})
    method = client.customers.payment_methods.list(customer.id).data[0]
    subscription = client.subscriptions.create(
        {"customer": customer.id, "items": [{"price": monthly.id}], "default_payment_method": method.id}
    )
    assert item(subscription).current_period_end == 1740744000  # 28 February
    client.test_helpers.test_clocks.advance(clock.id, {"frozen_time": 1740744000 + DAY})
    assert item(client.subscriptions.retrieve(subscription.id)).current_period_end == 1743422400  # 31 March


def test_a_failed_renewal_goes_past_due_is_retried_and_ends(client, on_clock, advance, types):
    subscription = on_clock("pm_card_visa")
    failing = client.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": subscription.customer})
    client.subscriptions.update(subscription.id, {"default_payment_method": failing.id})
    advance(31 * DAY + 2 * HOUR)
    now = client.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (now.status, now.latest_invoice.attempt_count) == ("past_due", 1)
    assert now.latest_invoice.next_payment_attempt is not None
    types()
    advance(13 * DAY)
    assert client.subscriptions.retrieve(subscription.id).status == "past_due"
    advance(2 * DAY)
    ended = client.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.cancellation_details.reason) == ("canceled", "payment_failed")
    said = types()
    assert said.count("invoice.payment_failed") == 3
    assert said[-2:] == ["customer.subscription.deleted", "test_helpers.test_clock.ready"]


def test_a_better_card_brings_a_past_due_subscription_back(client, on_clock, advance):
    subscription = on_clock("pm_card_visa")
    failing = client.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": subscription.customer})
    client.subscriptions.update(subscription.id, {"default_payment_method": failing.id})
    advance(31 * DAY + 2 * HOUR)
    invoice = client.subscriptions.retrieve(subscription.id).latest_invoice
    with pytest.raises(stripe.CardError):
        client.invoices.pay(invoice)
    client.invoices.pay(invoice, {"payment_method": "pm_card_visa"})
    assert client.subscriptions.retrieve(subscription.id).status == "active"


def test_a_renewal_that_needs_authentication(client, sandbox, on_clock, advance, types):
    subscription = on_clock("pm_card_visa")
    asking = client.payment_methods.attach("pm_card_authenticationRequired", {"customer": subscription.customer})
    client.subscriptions.update(subscription.id, {"default_payment_method": asking.id})
    advance(31 * DAY + 2 * HOUR)
    assert "invoice.payment_action_required" in types()
    assert client.subscriptions.retrieve(subscription.id).status == "past_due"
    payment = client.invoice_payments.list({"invoice": client.subscriptions.retrieve(subscription.id).latest_invoice}).data[0]
    sandbox.authenticate(payment.payment.payment_intent)
    assert client.subscriptions.retrieve(subscription.id).status == "active"


@pytest.mark.parametrize("way", ["cancel_at_period_end", "portal"])
def test_a_scheduled_end_comes_at_the_period_end(client, sandbox, on_clock, advance, types, way):
    subscription = on_clock()
    if way == "portal":
        sandbox.portal_cancel(subscription.id)
    else:
        client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    types()
    advance(30 * DAY)
    assert client.subscriptions.retrieve(subscription.id).status == "active"
    advance(2 * DAY)
    ended = client.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", item(subscription).current_period_end)
    assert "customer.subscription.deleted" in types()
    assert len(client.invoices.list({"subscription": subscription.id}).data) == 1


def test_previous_attributes_name_what_changed(client, sandbox, on_clock):
    subscription = on_clock()
    sandbox.take_deliveries()
    client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    (told,) = sandbox.take_deliveries()
    assert told.type == "customer.subscription.updated"
    assert told.event["data"]["previous_attributes"] == {
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"reason": None},
    }
    client.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    again = sandbox.take_deliveries()
    assert [d.type for d in again] in ([], ["customer.subscription.updated"])


def test_an_upgrade_half_way_is_prorated_on_the_next_invoice(client, on_clock, advance, monthly):
    dearer = client.prices.create({"product": monthly.product, "unit_amount": 2000, "currency": "usd", "recurring": {"interval": "month"}})
    subscription = on_clock()
    advance((item(subscription).current_period_end - item(subscription).current_period_start) // 2)
    client.subscriptions.update(subscription.id, {"items": [{"id": item(subscription).id, "price": dearer.id}]})
    pending = client.invoice_items.list({"customer": subscription.customer}).data
    assert sorted(i.amount for i in pending) == [-500, 1000]
    advance(17 * DAY)
    invoice = client.invoices.list({"subscription": subscription.id}).data[0]
    assert (invoice.total, invoice.status) == (2500, "paid")


def test_a_downgrade_at_the_period_end_by_a_schedule(client, on_clock, advance, monthly):
    cheaper = client.prices.create({"product": monthly.product, "unit_amount": 500, "currency": "usd", "recurring": {"interval": "month"}})
    subscription = on_clock()
    schedule = client.subscription_schedules.create({"from_subscription": subscription.id})
    first = schedule.phases[0]
    client.subscription_schedules.update(
        schedule.id,
        {
            "end_behavior": "release",
            "phases": [
                {
                    "items": [{"price": monthly.id, "quantity": 1}],
                    "start_date": first.start_date,
                    "end_date": first.end_date,
                },
                {"items": [{"price": cheaper.id, "quantity": 1}], "duration": {"interval": "month", "interval_count": 1}},
            ],
        },
    )
    advance(31 * DAY + 2 * HOUR)
    now = client.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert (item(now).price.id, now.latest_invoice.total) == (cheaper.id, 500)


def test_a_first_payment_that_fails_is_incomplete_and_expires(client, sandbox, monthly):
    customer = client.customers.create({})
    client.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    method = client.customers.payment_methods.list(customer.id).data[0]
    subscription = client.subscriptions.create(
        {"customer": customer.id, "items": [{"price": monthly.id}], "default_payment_method": method.id}
    )
    assert subscription.status == "incomplete"
    sandbox.advance(23 * HOUR + 1)
    assert client.subscriptions.retrieve(subscription.id).status == "incomplete_expired"


def test_a_trial_without_a_card_pauses_when_told_to(client, sandbox, monthly, types):
    customer = client.customers.create({})
    subscription = client.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": monthly.id}],
            "trial_period_days": 5,
            "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}},
        }
    )
    sandbox.advance(5 * DAY)
    paused = client.subscriptions.retrieve(subscription.id)
    assert paused.status == "paused"
    assert paused.status_details.paused.subscription.type == "trial_end_without_payment_method"
    assert "customer.subscription.paused" in types()


def test_pause_and_resume(client, on_clock, types):
    subscription = on_clock()
    types()
    assert client.subscriptions.pause(subscription.id).status == "paused"
    assert client.subscriptions.resume(subscription.id).status == "active"
    assert {"customer.subscription.paused", "customer.subscription.resumed"} <= set(types())


def test_the_sites_clock_moves_everything_without_a_test_clock(sandbox, client, subscribed):
    subscription = subscribed()
    before = sandbox.world.now()
    sandbox.advance(400 * DAY)
    assert sandbox.world.now() - before >= 400 * DAY
    assert len(client.invoices.list({"subscription": subscription.id, "limit": 100}).data) == 14


# --- money back ----------------------------------------------------------------------


def charge_of(client, card="pm_card_visa"):
    intent = client.payment_intents.create({"amount": 3000, "currency": "usd", "payment_method": card, "confirm": True})
    return client.charges.retrieve(intent.latest_charge)


def test_refunds_in_part_and_in_full(client, types):
    charge = charge_of(client)
    types()
    first = client.refunds.create({"charge": charge.id, "amount": 1000})
    assert client.charges.retrieve(charge.id).amount_refunded == 1000
    client.refunds.create({"charge": charge.id})
    now = client.charges.retrieve(charge.id, {"expand": ["refunds"]})
    assert (now.refunded, now.amount_refunded, len(now.refunds.data)) == (True, 3000, 2)
    assert client.balance_transactions.retrieve(first.balance_transaction).net == -1000
    assert types().count("charge.refunded") == 2
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.refunds.create({"charge": charge.id})
    assert caught.value.code == "charge_already_refunded"


def test_a_refund_that_fails_gives_the_money_back(client, sandbox, types):
    charge = charge_of(client, "pm_card_refundFail")
    refund = client.refunds.create({"charge": charge.id})
    types()
    sandbox.advance(2)
    assert client.refunds.retrieve(refund.id).status == "failed"
    assert client.charges.retrieve(charge.id).amount_refunded == 0
    assert "refund.failed" in types()


def test_a_late_balance_transaction(client, sandbox, types):
    sandbox.faults(late_balance_transaction=1)
    charge = charge_of(client)
    assert charge.balance_transaction is None
    types()
    sandbox.advance(3)
    assert types() == ["charge.updated"]
    assert client.charges.retrieve(charge.id, {"expand": ["balance_transaction"]}).balance_transaction.fee == 117


def test_an_inquiry_moves_no_money(client):
    charge_of(client, "pm_card_createDisputeInquiry")
    dispute = client.disputes.list().data[0]
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert client.disputes.close(dispute.id).status == "warning_closed"
