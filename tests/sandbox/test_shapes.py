"""The two checks that keep the sandbox honest, and proof that they bite."""

import json
from pathlib import Path

import pytest
import stripe

import sandbox
from sandbox import expand, params, quickshapes, routing, shapes
from sandbox.errors import StripeError
from sandbox.objects import blank

SKELETONS = sorted(p.stem for p in (Path(sandbox.__file__).parent / "skeletons").glob("*.json"))


@pytest.mark.parametrize("kind", SKELETONS)
def test_every_skeleton_is_of_the_sdks_shape(kind):
    assert shapes.check(blank(kind)) == []


@pytest.mark.parametrize("kind", SKELETONS)
def test_what_comes_only_on_request_is_in_no_skeleton(kind):
    assert not [m for k, m in expand.INCLUDABLE if k == kind and m in blank(kind)]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"current_period_end": 1}, "current_period_end: unknown"),
        ({"status": "dormant"}, "'dormant' is not one of"),
        ({"currency": None}, "currency: None is not"),
        ({"start_date": "today"}, "'today' is not"),
        ({"items": []}, "is not a list object"),
        ({"metadata": []}, "is not"),
        ({"cancellation_details": {"why": "x"}}, "cancellation_details.why: unknown"),
    ],
)
def test_the_response_check_finds(change, complaint):
    found = shapes.check(blank("subscription") | change)
    assert any(complaint in line for line in found), found


def test_the_response_check_finds_a_missing_key_and_looks_inside_events():
    subscription = blank("subscription")
    del subscription["customer"]
    event = {
        "id": "evt_1", "object": "event", "api_version": stripe.api_version, "created": 1, "livemode": False,
        "pending_webhooks": 0, "request": None, "type": "customer.subscription.created", "data": {"object": subscription},
    }  # fmt: skip
    assert shapes.check(event) == ["event.data.object:subscription.customer: missing"]
    assert any("is not one of" in line for line in shapes.check(event | {"type": "customer.invented"}))


def test_a_deleted_object_has_only_its_id():
    assert shapes.check({"id": "cus_1", "object": "customer", "deleted": True}) == []
    assert shapes.check({"id": "cus_1", "object": "customer", "deleted": True, "email": "x"})


def test_a_wrong_answer_is_a_500_and_is_remembered(client, sandbox):
    customer = client.customers.create({})
    sandbox.get(customer.id)["balance"] = "plenty"
    with pytest.raises(stripe.APIError, match="balance"):
        client.customers.retrieve(customer.id)
    assert "customer.balance: 'plenty' is not <class 'int'>" in sandbox.complaints
    sandbox.complaints.clear()


def test_every_route_has_a_parameter_type_of_the_sdk():
    without = {f"{m} {p}" for m, p in routing.surface() if params.type_of(m, p) is None}
    # The private API of Stripe's own page, which the CLI calls, and two calls that only
    # the Dashboard, the CLI or the SDK's resource classes make.
    assert without == {
        "GET /v1/payment_pages/{id}",
        "POST /v1/payment_pages/{id}/confirm",
        "POST /v1/events/{id}/retry",
    }
    assert len(params.endpoints()) > 500


@pytest.mark.parametrize(
    ("path", "given", "param"),
    [
        ("/v1/customers", {"emial": "x"}, "emial"),
        ("/v1/customers", {"shipping": {"name": "x"}}, "shipping[address]"),
        ("/v1/prices", {"currency": "usd", "recurring": {"interval": "moon"}}, "recurring[interval]"),
        ("/v1/refunds", {"reason": "whim"}, "reason"),
        ("/v1/subscriptions/{id}", {"cancel_at_period_end": "perhaps"}, "cancel_at_period_end"),
        ("/v1/checkout/sessions", {"line_items": {"0": {"prize": "x"}}}, "line_items[0][prize]"),
    ],
)
def test_the_request_check_names_the_parameter(path, given, param):
    with pytest.raises(StripeError) as caught:
        params.check("POST", path, given)
    assert caught.value.param == param


def test_the_request_check_gives_typed_values():
    given = {"cancel_at": "1893456000", "items": {"0": {"id": "si_1", "quantity": "2"}}, "cancel_at_period_end": "false"}
    assert params.check("POST", "/v1/subscriptions/{id}", given) == {
        "cancel_at": 1893456000,
        "items": [{"id": "si_1", "quantity": 2}],
        "cancel_at_period_end": False,
    }


def test_old_words_are_only_for_callers_who_do_not_pin_the_version():
    given = {"coupon": "c1"}
    with pytest.raises(StripeError):
        params.check("POST", "/v1/promotion_codes", given)
    assert params.check("POST", "/v1/promotion_codes", given, pinned=False) == {"promotion": {"type": "coupon", "coupon": "c1"}}


def test_the_sandbox_imports_nothing_of_the_application():
    root = Path(sandbox.__file__).parent
    rooms = ("kit", "membership", "publishing", "payments", "reports", "demo", "app")
    for file in root.rglob("*.py"):
        for line in file.read_text("utf-8").splitlines():
            words = line.split()
            if words[:1] in (["import"], ["from"]):
                assert words[1].split(".")[0] not in rooms, f"{file}: {line}"


def test_skeletons_are_tidy_json():
    for kind in SKELETONS:
        text = (Path(sandbox.__file__).parent / "skeletons" / f"{kind}.json").read_text("utf-8")
        assert json.loads(text)["livemode" if '"livemode"' in text else "object"] in (False, kind)


def _variants(value):
    """The object with one leaf or key changed at a time."""
    for key in value:
        yield {k: v for k, v in value.items() if k != key}
        for other in (None, 7, "word", {"object": "list"}):
            yield value | {key: other}
        if isinstance(value[key], dict):
            for inner in _variants(value[key]):
                yield value | {key: inner}


@pytest.mark.parametrize("kind", ["subscription", "invoice", "charge", "refund", "item", "customer", "payment_method"])
def test_the_quick_check_and_the_thorough_one_agree(kind):
    for variant in [blank(kind), blank(kind) | {"surplus": 1}, *_variants(blank(kind))]:
        if isinstance(variant.get("object"), str):
            assert quickshapes.fits(variant) == (shapes.thoroughly(variant) == []), variant
