"""Deliveries: signed, retried, twice or shuffled when asked; and the knobs for calls."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import stripe

from sandbox import Sandbox
from tests.sandbox.conftest import SECRET


def test_a_delivery_is_signed_as_the_sdk_expects(sandbox, client):
    customer = client.customers.create({"email": "é@example.com"})
    (told,) = sandbox.take_deliveries()
    event = stripe.Webhook.construct_event(told.body, told.headers["Stripe-Signature"], SECRET)
    assert (event.id, event.type, event.data.object.id) == (told.id, "customer.created", customer.id)
    assert told.event["request"]["id"].startswith("req_")
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(told.body, told.headers["Stripe-Signature"], "whsec_other")
    assert sandbox.take_deliveries() == []


def test_duplicates_and_drops_and_order_by_seed(sandbox, client):
    sandbox.faults(seed=7, duplicate=1)
    client.customers.create({})
    assert [d.type for d in sandbox.take_deliveries()] == ["customer.created"] * 2
    sandbox.faults(drop=1)
    client.customers.create({})
    assert sandbox.take_deliveries() == []
    assert len(client.events.list({"delivery_success": False}).data) == 1
    orders = []
    for _ in range(2):
        sandbox.faults(seed=3, reorder=1)
        made = [client.customers.create({}).id for _ in range(6)]
        told = [d.event["data"]["object"]["id"] for d in sandbox.take_deliveries()]
        assert sorted(told) == sorted(made)
        orders.append([made.index(i) for i in told])
    assert orders[0] == orders[1] != sorted(orders[0])


def test_an_unknown_knob_is_refused(sandbox):
    answer = requests.post(sandbox.url + "/_sandbox/faults", json={"chaos": 1}, timeout=5)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, "chaos")


@pytest.mark.parametrize(("status", "error"), [("429", stripe.RateLimitError), ("500", stripe.APIError)])
def test_calls_can_be_answered_badly(sandbox, client, status, error):
    sandbox.faults(status={status: 1}, methods=["POST"])
    with pytest.raises(error):
        client.customers.create({})
    assert client.customers.list().data == []
    sandbox.faults()
    assert client.customers.create({}).id


def test_reset_after_commit_did_the_deed_and_a_retry_with_the_key_finds_it(sandbox, client):
    sandbox.faults(reset_after_commit=1, methods=["POST"], times=1)
    with pytest.raises(stripe.APIConnectionError):
        client.customers.create({"email": "once@example.com"}, {"idempotency_key": "k"})
    again = client.customers.create({"email": "once@example.com"}, {"idempotency_key": "k"})
    assert [c.id for c in client.customers.list().data] == [again.id]


def test_a_reset_before_the_deed_did_nothing(sandbox, client):
    sandbox.faults(reset=1, methods=["POST"], times=1)
    with pytest.raises(stripe.APIConnectionError):
        client.customers.create({})
    assert client.customers.list().data == []


def test_everything_asked_is_logged_in_order(sandbox, client):
    client.customers.create({"email": "a@example.com"}, {"idempotency_key": "k9"})
    with pytest.raises(stripe.InvalidRequestError):
        client.customers.retrieve("cus_none")
    log = requests.get(sandbox.url + "/_sandbox/requests", timeout=5).json()
    assert [(r["method"], r["path"], r["status"]) for r in log] == [
        ("POST", "/v1/customers", 200),
        ("GET", "/v1/customers/cus_none", 404),
    ]
    assert (log[0]["idempotency_key"], log[0]["params"]) == ("k9", {"email": "a@example.com"})
    requests.post(sandbox.url + "/_sandbox/reset", timeout=5)
    assert sandbox.requests == []


class Endpoint:
    """A webhook on loopback that answers what it is told to and keeps what it got."""

    def __init__(self):
        self.got, self.answers = [], []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.got.append((self.headers["Stripe-Signature"], body))
                self.send_response(outer.answers.pop(0) if outer.answers else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def wait(self, count):
        limit = time.monotonic() + 5
        while len(self.got) < count and time.monotonic() < limit:
            threading.Event().wait(0.01)
        return len(self.got)


@pytest.fixture
def endpoint():
    made = Endpoint()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_forwarded_events_are_retried_until_they_are_taken(endpoint, tmp_path):
    endpoint.answers = [500]
    state = str(tmp_path / "sandbox.db")
    with Sandbox(seed=2, webhook_secret=SECRET, forward_to=endpoint.url, state=state) as running:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": running.url}).v1
        customer = client.customers.create({})
        assert endpoint.wait(1) == 1
        event = client.events.list().data[0]
        assert event.pending_webhooks == 1
    # A restart keeps objects, events and what is still to be delivered.
    with Sandbox(webhook_secret=SECRET, forward_to=endpoint.url, state=state) as running:
        client = stripe.StripeClient("sk_test_x", base_addresses={"api": running.url}).v1
        assert client.customers.retrieve(customer.id).id == customer.id
        answer = requests.post(running.url + "/_sandbox/deliver", timeout=5)
        assert answer.json()["delivered"] == 1
        assert client.events.retrieve(event.id).pending_webhooks == 0
        assert running.complaints == []
    header, body = endpoint.got[-1]
    assert stripe.Webhook.construct_event(body, header, SECRET).id == event.id


def test_registered_endpoints_get_their_types_only(sandbox, client, endpoint):
    made = client.webhook_endpoints.create({"url": endpoint.url, "enabled_events": ["customer.created"]})
    assert made.secret.startswith("whsec_")
    assert "secret" not in client.webhook_endpoints.retrieve(made.id)
    client.products.create({"name": "x"})
    client.customers.create({})
    assert endpoint.wait(1) == 1
    header, body = endpoint.got[0]
    assert stripe.Webhook.construct_event(body, header, made.secret).type == "customer.created"


def test_what_is_simulated_goes_to_nobody_elsewhere(sandbox, client):
    made = client.webhook_endpoints.create({"url": "https://news.example.com/webhooks/stripe", "enabled_events": ["*"]})
    client.customers.create({})
    assert {one["url"] for one in requests.get(sandbox.url + "/_sandbox/deliveries", timeout=5).json()} == {None}
    client.webhook_endpoints.update(made.id, {"url": "http://127.0.0.1.example.com/hook"})
    client.customers.create({})
    assert {one["url"] for one in requests.get(sandbox.url + "/_sandbox/deliveries", timeout=5).json()} == {None}
    assert sandbox.world.delivery.targets("customer.created") == [(None, SECRET)]


def test_no_proxy_of_the_environment_hears_of_it(sandbox, client, endpoint, monkeypatch):
    client.webhook_endpoints.create({"url": endpoint.url, "enabled_events": ["*"]})
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")
    sandbox.world.emit("customer.created", sandbox.world.make("customer"))
    assert endpoint.wait(1) == 1


def test_it_stays_on_loopback():
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(host="0.0.0.0")
    with pytest.raises(ValueError, match="loopback"):
        Sandbox(forward_to="http://example.com/hook", webhook_secret=SECRET)
    with pytest.raises(ValueError, match="secret"):
        Sandbox(forward_to="http://127.0.0.1/hook")
