"""A sandbox of its own for each test, driven by the real SDK over loopback."""

import pytest
import stripe

from sandbox import Direct, Sandbox

SECRET = "whsec_test_of_the_sandbox"
NOW = 1_900_000_000


@pytest.fixture(scope="session")
def _running():
    with Sandbox(seed=1, webhook_secret=SECRET) as running:
        yield running


@pytest.fixture
def sandbox(_running):
    """Empty at the start; at the end it must have had nothing to complain of itself."""
    _running.reset()
    yield _running
    assert _running.complaints == []


@pytest.fixture
def client(sandbox):
    http = stripe.RequestsClient(timeout=10)
    return stripe.StripeClient("sk_test_x", base_addresses={"api": sandbox.url}, http_client=http).v1


@pytest.fixture
def monthly(client):
    """A plan of 10.00 a month."""
    product = client.products.create({"name": "Membership"})
    return client.prices.create(
        {
            "product": product.id,
            "unit_amount": 1000,
            "currency": "usd",
            "recurring": {"interval": "month"},
            "lookup_key": "reader-monthly",
        }
    )


@pytest.fixture
def yearly(client, monthly):
    return client.prices.create(
        {
            "product": monthly.product,
            "unit_amount": 10000,
            "currency": "usd",
            "recurring": {"interval": "year"},
            "lookup_key": "reader-yearly",
        }
    )


@pytest.fixture
def checkout(client, monthly):
    """Make a Checkout Session for the monthly plan; parameters may be added."""

    def make(**params):
        given = {
            "mode": "subscription",
            "line_items": [{"price": monthly.id, "quantity": 1}],
            "success_url": "http://127.0.0.1:1/thanks?session_id={CHECKOUT_SESSION_ID}",
            "cancel_url": "http://127.0.0.1:1/subscribe",
        }
        return client.checkout.sessions.create(given | params)

    return make


@pytest.fixture
def subscribed(sandbox, client, checkout):
    """A reader who paid by Checkout; her Subscription, with nothing left to deliver."""

    def subscribe(card="4242424242424242", **params):
        session = checkout(**params)
        sandbox.pay(session.id, card=card)
        sandbox.take_deliveries()
        found = client.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]})
        return found.subscription

    return subscribe


@pytest.fixture
def types(sandbox):
    """The types of the events since last asked, in their order."""
    return lambda: [d.type for d in sandbox.take_deliveries()]


# --- without a socket, under a clock that stands still ---------------------------------------


@pytest.fixture
def sb():
    made = Sandbox(seed=11, webhook_secret=SECRET)
    made.freeze(NOW)
    yield made
    assert made.complaints == []


@pytest.fixture
def api(sb):
    return stripe.StripeClient("sk_test_x", base_addresses={"api": sb.url}, http_client=Direct(sb)).v1


@pytest.fixture
def month(api):
    product = api.products.create({"name": "Membership"}).id
    return api.prices.create({"product": product, "unit_amount": 1000, "currency": "usd", "recurring": {"interval": "month"}}).id


@pytest.fixture
def ann(api):
    card = {"payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    return api.customers.create({"email": "ann@reader.example", **card}).id


@pytest.fixture
def sub(sb, ann, month):
    return sb.subscribe(ann, month)["id"]


def refused(call, code=None, param=None, match=None):
    with pytest.raises(stripe.InvalidRequestError, match=match) as caught:
        call()
    if code:
        assert caught.value.code == code
    if param:
        assert caught.value.param == param
