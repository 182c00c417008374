"""A walk through every route and every act: each answer and each event is of the SDK's shape, and nothing is left out."""

import json
import re
from pathlib import Path
from urllib.parse import urlencode

import pytest

from sandbox import Sandbox, routing, shapes
from sandbox.objects import public
from sandbox.params import flatten
from tests.sandbox.conftest import SECRET

DAY = 86400
HEADERS = {"Authorization": "Bearer sk_test_x"}


class Walk:
    """`post("customers", email=...)`: the answer, which has to be a 200."""

    def __init__(self):
        self.sb = Sandbox(seed=21, webhook_secret=SECRET)
        self.walked: set[tuple[str, str]] = set()

    def _call(self, method, path, given):
        text = urlencode(list(flatten(given)))
        url = f"/v1/{path}" + (f"?{text}" if text and method == "GET" else "")
        status, _, body = self.sb.handle(method, url, HEADERS, text if method == "POST" else None)
        assert status == 200, (method, path, body)
        self.walked.add((method, routing.find(method, f"/v1/{path}")[0].template))
        return json.loads(body)

    def get(self, path, **given):
        return self._call("GET", path, given)

    def post(self, path, **given):
        return self._call("POST", path, given)

    def delete(self, path, **given):
        return self._call("DELETE", path, given)


def test_the_whole_surface():
    w = Walk()
    for part in (catalogue, people, money, subscriptions, papers, schedules, rest):
        part(w)
    assert w.sb.complaints == []
    assert set(routing.surface()) - w.walked == set()
    assert [e["type"] for e in w.sb.events() if shapes.thoroughly(public(e))] == []
    said = {e["type"] for e in w.sb.events()}
    assert len(said) > 85


def read(w, path, id_, **filters):
    assert w.get(f"{path}/{id_}")["id"] == id_
    assert w.get(path, limit="3", **filters)["object"] == "list"


def catalogue(w):
    w.product = w.post("products", name="Membership", default_price_data={"unit_amount": "500", "currency": "usd"})["id"]
    w.post(f"products/{w.product}", description="All of it")
    read(w, "products", w.product, active="true")
    w.get("products/search", query='name:"Membership"')
    w.delete(f"products/{w.post('products', name='Gone')['id']}")
    month = {"interval": "month"}
    w.month = w.post("prices", product=w.product, unit_amount="1000", currency="usd", recurring=month, lookup_key="month")["id"]
    w.more = w.post("prices", product=w.product, unit_amount="2000", currency="usd", recurring=month)["id"]
    w.post(f"prices/{w.month}", nickname="Monthly")
    read(w, "prices", w.month, recurring=month)
    w.get("prices/search", query="active:'true'")
    plan = w.post("plans", amount="900", currency="usd", interval="month", product=w.product)["id"]
    w.post(f"plans/{plan}", nickname="old")
    read(w, "plans", plan)
    w.delete(f"plans/{plan}")
    w.coupon = w.post("coupons", percent_off="10", duration="forever")["id"]
    w.post(f"coupons/{w.coupon}", name="Ten")
    read(w, "coupons", w.coupon)
    w.delete(f"coupons/{w.post('coupons', amount_off='100', currency='usd')['id']}")
    code = w.post("promotion_codes", promotion={"type": "coupon", "coupon": w.coupon}, code="TEN")["id"]
    w.post(f"promotion_codes/{code}", metadata={"a": "b"})
    read(w, "promotion_codes", code, code="ten")
    rate = w.post("tax_rates", display_name="VAT", inclusive="false", percentage="20")["id"]
    w.post(f"tax_rates/{rate}", active="false")
    read(w, "tax_rates", rate)
    link = w.post("payment_links", line_items=[{"price": w.month, "quantity": "1"}])["id"]
    w.post(f"payment_links/{link}", active="false")
    read(w, "payment_links", link)
    w.get(f"payment_links/{link}", expand=["line_items"])


def people(w):
    w.ann = w.post(
        "customers", email="ann@reader.example", payment_method="pm_card_visa", invoice_settings={"default_payment_method": "pm_card_visa"}
    )["id"]
    w.post(f"customers/{w.ann}", name="Ann")
    read(w, "customers", w.ann, email="ann@reader.example")
    w.get("customers/search", query='email:"ann@reader.example"')
    w.get(f"customers/{w.ann}", expand=["subscriptions", "invoice_settings.default_payment_method"])
    card = w.get(f"customers/{w.ann}/payment_methods")["data"][0]["id"]
    w.get(f"customers/{w.ann}/payment_methods/{card}")
    source = w.post(f"customers/{w.ann}/sources", source="tok_visa")["id"]
    w.post(f"customers/{w.ann}/sources/{source}", metadata={"a": "b"})
    w.get(f"customers/{w.ann}/sources")
    old = w.post("customers", coupon=w.coupon)["id"]
    w.delete(f"customers/{old}/discount")
    w.delete(f"customers/{old}")
    method = w.post("payment_methods", type="card", card={"token": "tok_mastercard"})["id"]
    w.post(f"payment_methods/{method}/attach", customer=w.ann)
    w.post(f"payment_methods/{method}", card={"exp_year": "2040"})
    read(w, "payment_methods", method, customer=w.ann)
    w.sb.card_renewed_by_bank(method)
    w.post(f"payment_methods/{method}/detach")
    for confirm in (False, True):
        intent = w.post("setup_intents", customer=w.ann, payment_method="pm_card_visa")["id"]
        w.post(f"setup_intents/{intent}", description="x")
        w.post(f"setup_intents/{intent}/{'confirm' if confirm else 'cancel'}")
        read(w, "setup_intents", intent)


def money(w):
    charge = None
    for card, deed in (("visa", "confirm"), ("visa", "capture"), ("visa", "cancel")):
        manual = {"capture_method": "manual"} if deed == "capture" else {}
        intent = w.post("payment_intents", amount="2000", currency="usd", customer=w.ann, payment_method=f"pm_card_{card}", **manual)["id"]
        w.post(f"payment_intents/{intent}", description="x")
        if deed == "capture":
            w.post(f"payment_intents/{intent}/confirm")
        done = w.post(f"payment_intents/{intent}/{deed}")
        charge = done["latest_charge"] or charge
    read(w, "payment_intents", intent, customer=w.ann)
    w.get("payment_intents/search", query='status:"succeeded"')
    w.post(f"charges/{charge}", description="y")
    read(w, "charges", charge, customer=w.ann)
    w.get(f"charges/{charge}", expand=["refunds", "balance_transaction", "payment_intent"])
    w.get("charges/search", query='status:"succeeded"')
    refund = w.post("refunds", charge=charge, amount="500", reason="requested_by_customer")["id"]
    w.post(f"refunds/{refund}", metadata={"a": "b"})
    read(w, "refunds", refund, charge=charge)
    slow = w.post("payment_intents", amount="700", currency="usd", payment_method="pm_card_pendingRefund", confirm="true")["latest_charge"]
    w.post(f"refunds/{w.post('refunds', charge=slow)['id']}/cancel")
    dispute = w.sb.dispute(w.sb.charges(w.ann)[0]["id"])["id"]
    w.post(f"disputes/{dispute}", evidence={"uncategorized_text": "x"}, submit="false", metadata={"a": "b"})
    w.post(f"disputes/{dispute}/close")
    read(w, "disputes", dispute)
    warning = w.sb.warn_of_fraud(charge)["id"]
    read(w, "radar/early_fraud_warnings", warning, charge=charge)
    review = w.sb.open_review(charge)["id"]
    w.post(f"reviews/{review}/approve")
    read(w, "reviews", review)
    w.get("balance")
    read(w, "balance_transactions", w.get("balance_transactions", type="charge")["data"][0]["id"])
    read(w, "topups", w.post("topups", amount="10000", currency="usd")["id"])
    w.sb.advance(3 * DAY)
    payout = w.post("payouts", amount="100", currency="usd")["id"]
    w.post(f"payouts/{payout}", metadata={"a": "b"})
    read(w, "payouts", payout)


def subscriptions(w):
    where = {"success_url": "http://127.0.0.1:1/", "cancel_url": "http://127.0.0.1:1/"}
    session = w.post("checkout/sessions", mode="subscription", customer=w.ann, line_items=[{"price": w.month, "quantity": "1"}], **where)[
        "id"
    ]
    w.post(f"checkout/sessions/{session}", metadata={"a": "b"})
    w.get(f"payment_pages/{session}")
    w.post(f"payment_pages/{session}/confirm", payment_method="pm_card_visa")
    read(w, "checkout/sessions", session, customer=w.ann)
    w.get(f"checkout/sessions/{session}", expand=["line_items", "subscription.latest_invoice.payments", "invoice"])
    w.get(f"checkout/sessions/{session}/line_items")
    setup = w.post("checkout/sessions", mode="setup", currency="usd", customer=w.ann, **where)["id"]
    w.sb.pay(setup)
    w.post(f"checkout/sessions/{w.post('checkout/sessions', mode='setup', currency='usd', **where)['id']}/expire")
    w.sub = w.post("subscriptions", customer=w.ann, items=[{"price": w.month}], discounts=[{"coupon": w.coupon}])["id"]
    read(w, "subscriptions", w.sub, customer=w.ann, status="all")
    w.get("subscriptions/search", query='status:"active"')
    w.delete(f"subscriptions/{w.sub}/discount")
    item = w.get("subscription_items", subscription=w.sub)["data"][0]["id"]
    w.get(f"subscription_items/{item}")
    w.post(f"subscription_items/{item}", quantity="2")
    extra = w.post("subscription_items", subscription=w.sub, price=w.more)["id"]
    w.delete(f"subscription_items/{extra}")
    w.post(f"subscriptions/{w.sub}", items=[{"id": item, "price": w.more}], proration_behavior="always_invoice")
    w.post(f"subscriptions/{w.sub}", cancel_at="max_period_end")
    w.post(f"subscriptions/{w.sub}", cancel_at_period_end="false", cancellation_details={"comment": "stays"})
    w.post("invoices/create_preview", subscription=w.sub)
    w.post(f"subscriptions/{w.sub}/pause")
    w.post(f"subscriptions/{w.sub}/resume")
    w.sb.pause_collection(w.sub, "mark_uncollectible")
    w.sb.renew(w.sub)
    w.sb.resume_collection(w.sub)
    w.sb.card_fails(w.ann)
    w.sb.renew(w.sub)
    w.sb.card_works(w.ann)
    ended = w.post("subscriptions", customer=w.ann, items=[{"price": w.month}])["id"]
    w.delete(f"subscriptions/{ended}", invoice_now="true", prorate="true")
    portal = w.post(
        "billing_portal/configurations", features={"subscription_pause": {"enabled": "true", "duration": {"type": "indefinite"}}}
    )["id"]
    w.post(f"billing_portal/configurations/{portal}", name="ours")
    read(w, "billing_portal/configurations", portal)
    w.post("billing_portal/sessions", customer=w.ann, return_url="http://127.0.0.1:1/", configuration=portal)


def papers(w):
    item = w.post("invoiceitems", customer=w.ann, amount="300", currency="usd")["id"]
    w.post(f"invoiceitems/{item}", description="z")
    read(w, "invoiceitems", item, customer=w.ann)
    w.delete(f"invoiceitems/{w.post('invoiceitems', customer=w.ann, amount='9', currency='usd')['id']}")
    w.post("invoiceitems", customer=w.ann, amount="700", currency="usd")
    paid = w.post("invoices", customer=w.ann, pending_invoice_items_behavior="include")["id"]
    w.post(f"invoices/{paid}", description="by hand")
    w.post(f"invoices/{paid}/finalize")
    note = w.post("credit_notes", invoice=paid, amount="100")["id"]
    w.post(f"credit_notes/{note}", memo="sorry")
    read(w, "credit_notes", note, invoice=paid)
    w.get(f"credit_notes/{note}/lines")
    w.post(f"credit_notes/{note}/void")
    w.post(f"invoices/{paid}/send")
    w.post(f"invoices/{paid}/pay")
    read(w, "invoices", paid, customer=w.ann, status="paid")
    w.get(f"invoices/{paid}", expand=["payments", "confirmation_secret"])
    w.get(f"invoices/{paid}/lines")
    w.get("invoices/search", query=f'customer:"{w.ann}"')
    read(w, "invoice_payments", w.get("invoice_payments", invoice=paid)["data"][0]["id"])
    for deed in ("void", "mark_uncollectible"):
        w.post("invoiceitems", customer=w.ann, amount="300", currency="usd")
        other = w.post("invoices", customer=w.ann, pending_invoice_items_behavior="include")["id"]
        w.post(f"invoices/{other}/finalize")
        w.post(f"invoices/{other}/{deed}")
    w.delete(f"invoices/{w.post('invoices', customer=w.ann)['id']}")


def schedules(w):
    own = w.post("subscription_schedules", from_subscription=w.sub)
    w.post(f"subscription_schedules/{own['id']}", metadata={"a": "b"})
    w.post(f"subscription_schedules/{own['id']}/release")
    later = w.post(
        "subscription_schedules", customer=w.ann, start_date="now", phases=[{"items": [{"price": w.month}]}, {"items": [{"price": w.more}]}]
    )
    w.sb.advance(35 * DAY)
    w.post(f"subscription_schedules/{later['id']}/cancel")
    read(w, "subscription_schedules", later["id"], customer=w.ann)


def rest(w):
    w.get("account")
    w.get("accounts/acct_1SIMULATED000001")
    event = w.get("events", types=["customer.created", "invoice.paid"], delivery_success="false", created={"gte": "1"})["data"][0]["id"]
    w.get(f"events/{event}")
    w.post(f"events/{event}/retry")
    hook = w.post("webhook_endpoints", url="http://127.0.0.1:1/hook", enabled_events=["*"])["id"]
    w.post(f"webhook_endpoints/{hook}", disabled="true")
    read(w, "webhook_endpoints", hook)
    w.delete(f"webhook_endpoints/{hook}")
    clock = w.post("test_helpers/test_clocks", frozen_time="1800000000")["id"]
    bob = w.post("customers", test_clock=clock, payment_method="pm_card_visa", invoice_settings={"default_payment_method": "pm_card_visa"})[
        "id"
    ]
    trial = w.post("subscriptions", customer=bob, items=[{"price": w.month}], trial_period_days="7")["id"]
    w.post(f"test_helpers/test_clocks/{clock}/advance", frozen_time=str(1800000000 + 8 * DAY))
    assert w.get(f"subscriptions/{trial}")["status"] == "active"
    read(w, "test_helpers/test_clocks", clock)
    w.delete(f"test_helpers/test_clocks/{clock}")


@pytest.mark.parametrize(("method", "path", "given", "param"), [
    ("GET", "/v1/subscriptions", "status=dormant", "status"),
    ("GET", "/v1/charges", "limit=0", "limit"),
    ("GET", "/v1/charges", "limit=101", "limit"),
    ("GET", "/v1/customers", "sort=name", "sort"),
    ("GET", "/v1/events", "created[about]=3", "created[about]"),
    ("POST", "/v1/customers", "tax_exempt=perhaps", "tax_exempt"),
    ("POST", "/v1/checkout/sessions", "ui_mode=embedded&success_url=x", "ui_mode"),
    ("POST", "/v1/subscriptions", "customer=x&items[0][price]=y&payment_behavior=hope", "payment_behavior"),
])  # fmt: skip
def test_a_word_that_is_not_stripes_is_refused_by_name(method, path, given, param):
    sb = Sandbox(seed=1)
    status, _, body = sb.handle(method, f"{path}?{given}" if method == "GET" else path, HEADERS, given if method == "POST" else None)
    assert (status, json.loads(body)["error"]["param"]) == (400, param)


def test_a_lenient_sandbox_takes_what_it_does_not_know():
    sb = Sandbox(seed=1, strict=False)
    assert (
        sb.handle("POST", "/v1/customers", HEADERS, "nickname=x&email=a%40b.example&shipping[name]=a&shipping[address][planet]=b")[0] == 200
    )


def test_the_documentation_lists_every_route():
    text = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text("utf-8")
    listed = {
        (method, words[-1]) for words in (span.split() for span in re.findall(r"`([A-Z ]+ /v1/[^`]+)`", text)) for method in words[:-1]
    }
    assert set(routing.surface()) - listed == set()
