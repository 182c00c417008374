"""Checkout: what a completed, declined, authenticated or expired session leaves behind."""

import pytest

from sandbox import Declined

OK = "http://127.0.0.1:1/thanks?session_id={}"
CONTRIBUTION = {
    "mode": "payment",
    "submit_type": "donate",
    "line_items": [{"price_data": {"currency": "usd", "unit_amount": 2500, "product_data": {"name": "Contribution"}}, "quantity": 1}],
}


def test_a_paid_session_makes_customer_subscription_invoice_and_payment(sandbox, client, checkout):
    session = checkout(
        customer_email="reader@example.com",
        client_reference_id="account-7",
        metadata={"from": "test"},
        subscription_data={"metadata": {"account": "7"}},
    )
    assert (session.status, session.subscription, session.customer) == ("open", None, None)
    assert sandbox.pay(session.id) == OK.format(session.id)
    paid = client.checkout.sessions.retrieve(session.id, {"expand": ["customer", "subscription.latest_invoice.payments", "line_items"]})
    assert (paid.status, paid.payment_status, paid.amount_total) == ("complete", "paid", 1000)
    assert (paid.client_reference_id, paid.metadata["from"]) == ("account-7", "test")
    assert paid.customer.email == "reader@example.com"
    subscription = paid.subscription
    assert (subscription.status, subscription.metadata["account"]) == ("active", "7")
    assert "current_period_end" not in subscription
    assert subscription["items"].data[0].current_period_end > subscription.start_date
    invoice = subscription.latest_invoice
    assert (invoice.status, invoice.amount_paid, invoice.billing_reason) == ("paid", 1000, "subscription_create")
    assert invoice.parent.subscription_details.subscription == subscription.id
    payment = invoice.payments.data[0].payment
    intent = client.payment_intents.retrieve(payment.payment_intent, {"expand": ["latest_charge.balance_transaction"]})
    settled = intent.latest_charge.balance_transaction
    assert (settled.amount, settled.fee, settled.net) == (1000, 59, 941)


def test_the_events_of_a_subscription_by_checkout(sandbox, types, checkout):
    sandbox.take_deliveries()
    session = checkout()
    assert types() == []
    sandbox.pay(session.id)
    said = types()
    assert said[-1] == "checkout.session.completed"
    for wanted in (
        "customer.created",
        "payment_method.attached",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice_payment.paid",
        "customer.subscription.created",
    ):
        assert said.count(wanted) == 1, wanted
    assert "customer.subscription.updated" not in said


@pytest.mark.parametrize(
    ("card", "message", "code"),
    [
        ("4000000000000002", "Your card was declined.", "card_declined"),
        ("4000000000009995", "Your card has insufficient funds.", "card_declined"),
        ("4000000000000069", "Your card has expired.", "expired_card"),
        ("4000000000000127", "Your card's security code is incorrect.", "incorrect_cvc"),
        ("4242424242424241", "Your card number is invalid.", "invalid_number"),
    ],
)
def test_a_declined_card_says_so_and_leaves_no_subscription(sandbox, client, checkout, card, message, code):
    session = checkout()
    with pytest.raises(Declined, match=message) as caught:
        sandbox.pay(session.id, card=card)
    assert caught.value.code == code
    assert client.subscriptions.list({"status": "all"}).data == []
    assert client.checkout.sessions.retrieve(session.id).status == "open"
    assert sandbox.pay(session.id) == OK.format(session.id)


def test_a_session_is_paid_once(sandbox, client, checkout):
    session = checkout()
    sandbox.pay(session.id)
    with pytest.raises(Declined):
        sandbox.pay(session.id)
    assert len(client.charges.list().data) == 1


@pytest.mark.parametrize("card", ["4000000000003220", "4000002500003155"])
def test_a_card_that_asks_for_authentication(sandbox, client, checkout, card):
    session = checkout()
    back = sandbox.pay(session.id, card=card, authenticate_with="fail")
    assert back.endswith("?authentication=failed")
    assert client.subscriptions.list({"status": "all"}).data == []
    assert sandbox.pay(session.id, card=card) == OK.format(session.id)
    assert client.subscriptions.list().data[0].status == "active"


def test_a_guest_contributes_without_a_customer(sandbox, client, types):
    session = client.checkout.sessions.create(
        CONTRIBUTION | {"success_url": "http://127.0.0.1:1/ok", "payment_intent_data": {"metadata": {"c": "9"}}}
    )
    sandbox.pay(session.id, email="guest@example.com", name="Grace")
    done = client.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent.latest_charge"]})
    assert (done.customer, done.customer_details.email, done.customer_details.name) == (None, "guest@example.com", "Grace")
    assert (done.payment_intent.amount_received, done.payment_intent.metadata["c"]) == (2500, "9")
    assert done.payment_intent.latest_charge.billing_details.email == "guest@example.com"
    assert "customer.created" not in types()


def test_a_monthly_contribution_by_inline_price(sandbox, client):
    line = {
        "price_data": {
            "currency": "usd",
            "unit_amount": 700,
            "product_data": {"name": "Monthly contribution"},
            "recurring": {"interval": "month"},
        },
        "quantity": 1,
    }
    session = client.checkout.sessions.create({"mode": "subscription", "line_items": [line], "success_url": "http://127.0.0.1:1/ok"})
    sandbox.pay(session.id)
    subscription = client.subscriptions.list().data[0]
    assert subscription["items"].data[0].price.unit_amount == 700


def test_customer_creation_always_makes_a_customer(sandbox, client):
    session = client.checkout.sessions.create(CONTRIBUTION | {"success_url": "http://127.0.0.1:1/ok", "customer_creation": "always"})
    sandbox.pay(session.id)
    assert client.checkout.sessions.retrieve(session.id).customer.startswith("cus_")


def test_a_trial_costs_nothing_today_and_then_is_charged(sandbox, client, subscribed, types):
    subscription = subscribed(subscription_data={"trial_period_days": 7})
    assert subscription.status == "trialing"
    assert client.charges.list().data == []
    sandbox.advance(5 * 86400)
    assert types() == ["customer.subscription.trial_will_end"]
    sandbox.advance(2 * 86400 + 3700)
    assert client.subscriptions.retrieve(subscription.id).status == "active"
    assert [c.amount for c in client.charges.list().data] == [1000]


def test_promotion_codes_on_the_page_and_discounts_by_parameter(sandbox, client, checkout):
    coupon = client.coupons.create({"percent_off": 20, "duration": "once"})
    client.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "SPRING"})
    by_code = checkout(allow_promotion_codes=True)
    with pytest.raises(Declined, match="This code is invalid"):
        sandbox.pay(by_code.id, promotion_code="NOPE")
    sandbox.pay(by_code.id, promotion_code="spring")
    by_parameter = checkout(discounts=[{"coupon": coupon.id}])
    assert (by_parameter.amount_subtotal, by_parameter.amount_total) == (1000, 800)
    sandbox.pay(by_parameter.id)
    assert sorted(i.total for i in client.invoices.list().data) == [800, 800]


def test_a_free_year_needs_no_payment(sandbox, client, checkout):
    coupon = client.coupons.create({"percent_off": 100, "duration": "forever"})
    session = checkout(discounts=[{"coupon": coupon.id}])
    sandbox.pay(session.id)
    done = client.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
    assert (done.payment_status, done.subscription.status) == ("no_payment_required", "active")
    assert client.charges.list().data == []


def test_sessions_expire_by_time_or_by_call(sandbox, client, checkout, types):
    early, late = checkout(), checkout()
    types()
    client.checkout.sessions.expire(early.id)
    assert types() == ["checkout.session.expired"]
    sandbox.advance(86400 + 1)
    assert types() == ["checkout.session.expired"]
    assert client.checkout.sessions.retrieve(late.id).status == "expired"


def test_the_dispute_card_pays_and_is_then_disputed(sandbox, client, subscribed):
    subscribed("4000000000000259")
    dispute = client.disputes.list().data[0]
    assert (dispute.status, dispute.amount) == ("needs_response", 1000)
    assert [t.net for t in dispute.balance_transactions] == [-2500]
    client.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "winning_evidence"}})
    won = client.disputes.retrieve(dispute.id)
    assert won.status == "won"
    assert sum(t.net for t in won.balance_transactions) == 0
