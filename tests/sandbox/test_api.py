"""The manners of Stripe's API: keys, errors, parameters, idempotency, lists, expansion, search."""

import pytest
import requests
import stripe


def test_only_test_keys_are_let_in(sandbox):
    for key, status in (("sk_test_abc", 200), ("rk_test_abc", 200), ("sk_live_abc", 401), ("", 401), ("pk_test_x", 401)):
        answer = requests.get(sandbox.url + "/v1/customers", headers={"Authorization": f"Bearer {key}"}, timeout=5)
        assert answer.status_code == status, key


@pytest.mark.parametrize(
    ("call", "code", "param"),
    [
        (lambda c: c.customers.create({"emial": "x"}), "parameter_unknown", "emial"),
        (lambda c: c.customers.create({"address": {"town": "x"}}), "parameter_unknown", "address[town]"),
        (lambda c: c.prices.create({"unit_amount": 1}), "parameter_missing", "currency"),
        (lambda c: c.payment_intents.create({"amount": "ten", "currency": "usd"}), "parameter_invalid_integer", "amount"),
        (lambda c: c.subscriptions.update("sub_x", {"billing_cycle_anchor": "now"}), None, "billing_cycle_anchor"),
        (lambda c: c.promotion_codes.create({"coupon": "x"}), "parameter_unknown", "coupon"),
        (
            lambda c: c.checkout.sessions.create({"ui_mode": "embedded", "mode": "payment"}),
            None,
            "ui_mode",
        ),
        (
            lambda c: c.checkout.sessions.create({"mode": "payment", "success_url": "http://x", "payment_method_types": ["card"]}),
            "parameter_unknown",
            "payment_method_types",
        ),
    ],
)
def test_wrong_parameters_are_refused_by_name(client, call, code, param):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        call(client)
    assert (caught.value.http_status, caught.value.code, caught.value.param) == (400, code, param)


def test_missing_objects_and_unknown_addresses(client, sandbox):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.customers.retrieve("cus_nobody")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as caught:
        client.subscriptions.create({"customer": "cus_nobody", "items": [{"price": "x"}]})
    assert (caught.value.http_status, caught.value.param) == (400, "customer")
    headers = {"Authorization": "Bearer sk_test_x"}
    answer = requests.get(sandbox.url + "/v1/nothing", headers=headers, timeout=5)
    assert answer.status_code == 404
    assert "Unrecognized request URL" in answer.json()["error"]["message"]


def test_a_decline_is_a_card_error_with_the_intent(client):
    with pytest.raises(stripe.CardError) as caught:
        client.payment_intents.create(
            {"amount": 100, "currency": "usd", "payment_method": "pm_card_chargeDeclinedInsufficientFunds", "confirm": True}
        )
    error = caught.value
    assert (error.http_status, error.code, error.error.decline_code) == (402, "card_declined", "insufficient_funds")
    intent = client.payment_intents.retrieve(error.error.payment_intent.id)
    assert (intent.status, intent.last_payment_error.code) == ("requires_payment_method", "card_declined")


def test_an_idempotency_key_gives_the_first_answer_again(client, sandbox):
    once = {"idempotency_key": "key-1"}
    first = client.customers.create({"email": "a@example.com"}, once)
    again = client.customers.create({"email": "a@example.com"}, once)
    assert again.id == first.id
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(client.customers.list().data) == 1
    with pytest.raises(stripe.IdempotencyError):
        client.customers.create({"email": "b@example.com"}, once)


def test_a_decline_is_remembered_and_a_wrong_parameter_is_not(client):
    given = {"amount": 100, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True}
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.payment_intents.create(given, {"idempotency_key": "key-2"})
    assert len(client.payment_intents.list().data) == 1
    with pytest.raises(stripe.InvalidRequestError):
        client.customers.create({"emial": "x"}, {"idempotency_key": "key-3"})
    assert client.customers.create({"email": "x@example.com"}, {"idempotency_key": "key-3"}).id


def test_lists_are_paged_newest_first(client):
    made = [client.customers.create({"email": f"{n}@example.com"}).id for n in range(7)]
    page = client.customers.list({"limit": 3})
    assert [c.id for c in page.data] == made[:3:-1]
    assert page.has_more
    assert [c.id for c in page.auto_paging_iter()] == made[::-1]
    before = client.customers.list({"limit": 2, "ending_before": made[2]})
    assert [c.id for c in before.data] == [made[4], made[3]]
    assert client.customers.list({"email": "3@example.com"}).data[0].id == made[3]
    with pytest.raises(stripe.InvalidRequestError):
        client.customers.list({"limit": 101})


def test_created_ranges(client):
    at = client.customers.create({}).created
    assert len(client.customers.list({"created": {"gte": at}}).data) == 1
    assert client.customers.list({"created": {"gt": at + 60}}).data == []


def test_prices_by_lookup_key(client, monthly, yearly):
    found = client.prices.list({"lookup_keys": ["reader-yearly"], "active": True})
    assert [p.id for p in found.data] == [yearly.id]
    again = {"product": monthly.product, "unit_amount": 1, "currency": "usd", "lookup_key": "reader-yearly"}
    with pytest.raises(stripe.InvalidRequestError):
        client.prices.create(again)
    moved = client.prices.create(again | {"transfer_lookup_key": True})
    assert client.prices.retrieve(yearly.id).lookup_key is None
    assert moved.lookup_key == "reader-yearly"


def test_expansion_and_its_limits(client, subscribed):
    subscription = subscribed()
    deep = client.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice.payments", "customer", "items.data.price.product"]})
    assert deep["items"].data[0].price.product.name == "Membership"
    assert deep.latest_invoice.payments.data[0].status == "paid"
    listed = client.subscriptions.list({"expand": ["data.default_payment_method"]})
    assert listed.data[0].default_payment_method.card.last4 == "4242"
    for wrong in ("nonsense", "a.b.c.d.e"):
        with pytest.raises(stripe.InvalidRequestError):
            client.subscriptions.retrieve(subscription.id, {"expand": [wrong]})


def test_search(client):
    client.customers.create({"email": "ada@example.com", "metadata": {"account": "7"}})
    client.customers.create({"email": "bob@example.com"})
    found = client.customers.search({"query": 'metadata["account"]:"7"'})
    assert [c.email for c in found.data] == ["ada@example.com"]
    assert len(client.customers.search({"query": 'email~"example"'}).data) == 2
    with pytest.raises(stripe.InvalidRequestError):
        client.customers.search({"query": "what is this?"})


def test_metadata_is_merged_and_unset(client):
    customer = client.customers.create({"metadata": {"a": "1", "b": "2"}})
    changed = client.customers.update(customer.id, {"metadata": {"b": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"a": "1", "c": "3"}
    assert client.customers.update(customer.id, {"metadata": ""}).metadata.to_dict() == {}


def test_a_deleted_customer_is_a_tombstone_and_her_subscription_ends(client, subscribed, types):
    subscription = subscribed()
    client.customers.delete(subscription.customer)
    assert client.customers.retrieve(subscription.customer).deleted is True
    assert client.subscriptions.retrieve(subscription.id).status == "canceled"
    assert types() == ["customer.subscription.deleted", "customer.deleted"]


def test_the_events_feed(client, subscribed):
    subscribed()
    feed = client.events.list({"types": ["invoice.paid", "charge.succeeded"], "limit": 100})
    assert [e.type for e in feed.data] == ["invoice.paid", "charge.succeeded"]
    event = client.events.retrieve(feed.data[0].id)
    assert (event.api_version, event.livemode, event.data.object.object) == (stripe.api_version, False, "invoice")
    assert [e.type for e in client.events.list({"ending_before": feed.data[1].id, "limit": 100}).data][-1] != "charge.succeeded"
    assert client.events.list({"type": "customer.*"}).data[-1].type == "customer.created"


def test_the_same_seed_gives_the_same_ids(client, sandbox):
    first = client.customers.create({}).id
    sandbox.reset()
    assert client.customers.create({}).id == first


def test_a_parameter_without_behaviour_is_refused_not_forgotten(client, subscribed):
    subscription = subscribed()
    with pytest.raises(stripe.InvalidRequestError, match="no behaviour") as caught:
        client.subscriptions.update(subscription.id, {"application_fee_percent": 5})
    assert caught.value.param == "application_fee_percent"
    with pytest.raises(stripe.InvalidRequestError, match="no behaviour"):
        client.checkout.sessions.create({"mode": "payment", "success_url": "http://x", "invoice_creation": {"enabled": True}})


def test_confirming_an_invoices_intent_pays_the_invoice(client, monthly):
    customer = client.customers.create({"payment_method": "pm_card_visa"})
    subscription = client.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": monthly.id}],
            "payment_behavior": "default_incomplete",
            "expand": ["latest_invoice.payments", "latest_invoice.confirmation_secret"],
        }
    )
    assert subscription.status == "incomplete"
    intent = subscription.latest_invoice.payments.data[0].payment.payment_intent
    assert subscription.latest_invoice.confirmation_secret.client_secret.startswith(intent)
    client.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    assert client.subscriptions.retrieve(subscription.id).status == "active"


def test_old_time_is_no_obstacle(client):
    """A test clock may stand years ago."""
    clock = client.test_helpers.test_clocks.create({"frozen_time": 1577836800})
    customer = client.customers.create({"test_clock": clock.id})
    assert customer.created == 1577836800
