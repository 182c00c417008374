"""What is asked and what is shown: parameters that nothing looks at, sizes, search, inner lists, the portal's features."""

import pytest
import requests

from sandbox.routing import Given
from tests.sandbox.conftest import NOW, refused

DAY = 86400


# --- parameters ----------------------------------------------------------------------------


def test_a_parameter_inside_another_is_not_forgotten_either(api, ann, month, sub):
    schedule = api.subscription_schedules.create({"from_subscription": sub})
    first = {"items": [{"price": month}], "start_date": schedule.phases[0].start_date, "end_date": schedule.phases[0].end_date}

    def phases(**more):
        return lambda: api.subscription_schedules.update(schedule.id, {"phases": [first | more]})

    def create(**more):
        return lambda: api.subscriptions.create({"customer": ann, "items": [{"price": month, **more}]})

    for name, call in (
        ("items[0][tax_rates]", create(tax_rates=["txr_1"])),
        ("items[0][discounts]", create(discounts=[{"coupon": "nope"}])),
        ("phases[0][trial_end]", phases(trial_end=NOW + 3 * DAY)),
        ("phases[0][default_tax_rates]", phases(default_tax_rates=["txr_1"])),
        ("phases[0][items][0][discounts]", phases(items=[{"price": month, "discounts": [{"coupon": "nope"}]}])),
    ):
        refused(call, param=name, match="no behaviour")
    refused(lambda: api.subscription_schedules.update(schedule.id, {"phases": [first, first]}), match="start date of a phase")


def test_a_filter_is_looked_at_where_there_is_nothing_to_filter(api):
    assert api.invoice_payments.list({"payment": {"type": "payment_intent", "payment_intent": "pi_none"}}).data == []
    assert api.customers.list({"created": {"gte": NOW, "lt": NOW + 1}}).data == []
    assert api.prices.list({"recurring": {"interval": "month"}}).data == []


def test_what_is_kept_is_plain(sb, api, ann, month):
    """No object of the store is a parameter that counts who looks at it."""
    api.billing_portal.configurations.create(
        {"features": {"subscription_cancel": {"enabled": True, "cancellation_reason": {"enabled": True, "options": ["other"]}}}}
    )
    api.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}, "billing_details": {"address": {"city": "Rome"}}})
    api.customers.update(ann, {"shipping": {"name": "Ann", "address": {"city": "Rome"}}})
    api.invoice_items.create({"customer": ann, "amount": 100, "currency": "usd", "period": {"start": NOW, "end": NOW + 1}})
    session = {
        "line_items": [{"price": month, "quantity": 1}],
        "subscription_data": {"trial_period_days": 3, "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}},
    }
    api.checkout.sessions.create(LONG | session)

    def looked_at(value):
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return isinstance(value, Given) or any(looked_at(one) for one in inner)

    assert [obj["id"] for kind in list(sb.world.store._objects) for obj in sb.world.store.all(kind) if looked_at(obj)] == []


@pytest.mark.parametrize("kept", [True, False])
def test_a_phase_has_its_own_discounts_and_metadata(sb, api, ann, month, kept):
    half = api.coupons.create({"percent_off": 50, "duration": "forever"}).id
    made = api.subscriptions.create({"customer": ann, "items": [{"price": month}], "discounts": [{"coupon": half}]})
    schedule = api.subscription_schedules.create({"from_subscription": made.id})
    (first,) = schedule.phases
    assert [one.discount for one in first.discounts] == made.discounts
    own = {"discounts": [{"discount": made.discounts[0]}] if kept else "", "proration_behavior": "none"}
    running = {"items": [{"price": month}], "start_date": first.start_date, "end_date": first.end_date, **own}
    coming = {"items": [{"price": month}], "duration": {"interval": "month"}, "metadata": {"phase": "2"}, **own}
    api.subscription_schedules.update(schedule.id, {"phases": [running, coming]})
    assert sb.get(made.id)["discounts"] == (made.discounts if kept else [])
    sb.renew(made.id)
    assert sb.get(sb.get(made.id)["latest_invoice"])["total"] == (500 if kept else 1000)
    assert sb.get(made.id)["metadata"] == {"phase": "2"}


LONG = {"mode": "subscription", "success_url": "http://127.0.0.1:1/"}


@pytest.mark.parametrize(
    ("call", "param"),
    [
        (lambda c, _p: c.customers.create({"metadata": {"k" * 41: "v"}}), "metadata"),
        (lambda c, _p: c.customers.create({"metadata": {"k": "v" * 501}}), "metadata[k]"),
        (lambda c, _p: c.customers.create({"metadata": {f"k{i}": "v" for i in range(51)}}), "metadata"),
        (lambda c, _p: c.customers.create({"email": "e" * 513}), "email"),
        (
            lambda c, p: c.subscriptions.create({"customer": c.customers.create({}).id, "items": [{"price": p, "quantity": -3}]}),
            "items[0][quantity]",
        ),
        (
            lambda c, p: c.subscriptions.create({"customer": c.customers.create({}).id, "items": [{"price": p}], "trial_end": NOW - 5}),
            "trial_end",
        ),
        (
            lambda c, p: c.checkout.sessions.create(LONG | {"line_items": [{"price": p, "quantity": 1}], "expires_at": NOW + 600}),
            "expires_at",
        ),
        (
            lambda c, p: c.checkout.sessions.create(LONG | {"line_items": [{"price": p, "quantity": 1}], "expires_at": NOW + 2 * DAY}),
            "expires_at",
        ),
        (
            lambda c, p: c.checkout.sessions.create(
                LONG | {"line_items": [{"price": p, "quantity": 1}], "subscription_data": {"trial_end": NOW + DAY}}
            ),
            "subscription_data[trial_end]",
        ),
        (lambda c, _p: c.payment_intents.create({"amount": 49, "currency": "usd"}), "amount"),
        (lambda c, _p: c.payment_intents.create({"amount": 10**8, "currency": "usd"}), "amount"),
        (lambda c, _p: c.coupons.create({"percent_off": 101}), "percent_off"),
    ],
)
def test_sizes_have_limits(api, month, call, param):
    refused(lambda: call(api, month), param=param)


def test_sizes_at_the_limit_pass(api):
    most = {f"{i:040d}": "v" * 500 for i in range(50)}
    made = api.customers.create({"metadata": most}, {"idempotency_key": "k" * 255}).id
    refused(lambda: api.customers.update(made, {"metadata": {"one more": "v"}}), param="metadata")
    refused(lambda: api.customers.create({}, {"idempotency_key": "k" * 256}), match="idempotency key")


def test_an_id_or_a_code_is_taken_once(api):
    api.coupons.create({"id": "MAY", "percent_off": 10})
    refused(lambda: api.coupons.create({"id": "MAY", "percent_off": 20}), "resource_already_exists")
    code = {"promotion": {"type": "coupon", "coupon": "MAY"}, "code": "SPRING"}
    first = api.promotion_codes.create(code).id
    refused(lambda: api.promotion_codes.create(code | {"code": "spring"}), "resource_already_exists")
    api.promotion_codes.update(first, {"active": False})
    assert api.promotion_codes.create(code).id


@pytest.mark.parametrize("query", ["created>abc", "email>5", "created>5.5"])
def test_a_search_that_compares_what_has_no_order_is_refused(api, ann, query):
    refused(lambda: api.customers.search({"query": query}), param="query")


def test_bytes_that_are_no_text_are_refused(sb):
    status, _headers, body = sb.handle("POST", "/v1/customers", {"Authorization": "Bearer sk_test_x"}, b"\xff\xfe")
    assert (status, b"UTF-8" in body) == (400, True)


# --- what is shown -------------------------------------------------------------------------


def test_a_list_inside_an_object_shows_ten_and_says_that_there_are_more(sb, api, ann):
    for i in range(12):
        api.invoice_items.create({"customer": ann, "amount": 100 + i, "currency": "usd"})
    made = api.invoices.create({"customer": ann, "pending_invoice_items_behavior": "include"})
    assert (len(made.lines.data), made.lines.has_more, made.total) == (10, True, sum(range(100, 112)))
    told = next(e for e in sb.events() if e["type"] == "invoice.created")["data"]["object"]
    assert (len(told["lines"]["data"]), told["lines"]["has_more"]) == (10, True)
    assert [len(one.lines.data) for one in api.invoices.list().data] == [10]
    assert len([line.id for line in api.invoices.line_items.list(made.id).auto_paging_iter()]) == 12


def test_the_portal_does_what_its_configuration_lets_it(sandbox, client, subscribed, yearly):
    subscription = subscribed()
    where = {"customer": subscription.customer, "return_url": "http://127.0.0.1:1/"}
    off = {name: {"enabled": False} for name in ("subscription_cancel", "payment_method_update", "subscription_update")}
    closed = client.billing_portal.sessions.create(
        {**where, "configuration": client.billing_portal.configurations.create({"features": off}).id}
    )
    home = requests.get(closed.url, timeout=5).text
    for word, shown in (("cancel", "Cancel plan"), ("plan", "Change plan"), ("card", "Replace card")):
        tail = word if word == "card" else f"{word}/{subscription.id}"
        assert shown not in home
        assert requests.get(f"{closed.url}/{tail}", timeout=5).status_code == 400
        assert requests.post(f"{closed.url}/{tail}", data={"price": yearly.id}, timeout=5).status_code == 400
    assert client.subscriptions.retrieve(subscription.id).cancel_at is None
    other = client.prices.create({"product": yearly.product, "unit_amount": 700, "currency": "usd", "recurring": {"interval": "month"}})
    listed = {"enabled": True, "default_allowed_updates": ["price"], "products": [{"product": yearly.product, "prices": [other.id]}]}
    own = client.billing_portal.configurations.create({"features": {"subscription_update": listed}}).id
    open_one = client.billing_portal.sessions.create({**where, "configuration": own})
    page = requests.get(f"{open_one.url}/plan/{subscription.id}", timeout=5).text
    assert ("$7.00" in page, "$100.00" in page) == (True, False)
