"""The road without a socket: the same code, answers and faults as over loopback."""

import json

import pytest
import stripe

from sandbox import Direct, HungUp, Sandbox
from tests.sandbox.conftest import SECRET

KEY = {"Authorization": "Bearer sk_test_x"}


@pytest.fixture
def direct():
    made = Sandbox(seed=5, webhook_secret=SECRET)  # never started
    yield made
    assert made.complaints == []


@pytest.fixture
def straight(direct):
    return stripe.StripeClient("sk_test_x", base_addresses={"api": direct.url}, http_client=Direct(direct)).v1


def test_a_call_is_answered_without_a_server(direct):
    status, headers, body = direct.handle("POST", "/v1/customers", KEY, "email=ann%40reader.example&metadata[a]=1")
    made = json.loads(body)
    assert (status, made["email"], made["metadata"]) == (200, "ann@reader.example", {"a": "1"})
    assert headers["Request-Id"] == direct.requests[-1]["id"]
    status, _, body = direct.handle("GET", f"{direct.url}/v1/customers?email=ann@reader.example&limit=3", KEY)
    assert (status, [c["id"] for c in json.loads(body)["data"]]) == (200, [made["id"]])
    assert direct.handle("GET", "/v1/customers", {})[0] == 401


def test_the_sdk_over_it_sees_errors_keys_and_faults(direct, straight):
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        straight.customers.retrieve("cus_none")
    one = straight.customers.create({"name": "é"}, {"idempotency_key": "k"})
    assert straight.customers.create({"name": "é"}, {"idempotency_key": "k"}).id == one.id
    direct.faults(reset_after_commit=1, methods=["POST"], times=1)
    with pytest.raises(stripe.APIConnectionError):
        straight.customers.create({"name": "b"})
    assert len(straight.customers.list().data) == 2
    direct.faults(timeout={"rate": 1, "seconds": 3600})  # costs no time here
    with pytest.raises(HungUp):
        direct.handle("GET", "/v1/customers", KEY)


def test_the_same_seed_answers_alike_on_both_roads(sandbox, client, direct, straight):
    direct.world.seed = sandbox.world.seed
    direct.reset()
    sandbox.reset()
    assert client.products.create({"name": "x"}).id == straight.products.create({"name": "x"}).id


def test_a_stopped_server_refuses_at_once():
    with Sandbox(seed=1) as running:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": running.url}, http_client=stripe.RequestsClient(timeout=5)).v1
        client.customers.list()
    with pytest.raises(stripe.APIConnectionError):
        client.customers.list()


def test_a_card_taken_off_is_found_no_more(straight):
    reader = straight.customers.create({}).id
    card = straight.payment_methods.attach("pm_card_visa", {"customer": reader}).id
    assert [m.id for m in straight.payment_methods.list({"customer": reader}).data] == [card]
    straight.payment_methods.detach(card)
    assert straight.payment_methods.list({"customer": reader}).data == []
    assert straight.customers.payment_methods.list(reader).data == []
