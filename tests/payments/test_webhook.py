"""The webhook's door: what a stranger, a broken proxy or a careless machine may post, and what must come of it (table W)."""

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError
from stripe import WebhookSignature

from kit import clock
from kit.database import db
from payments import gateway, journal
from payments.domain import signatures
from payments.domain.signatures import Refusal
from payments.models import StripeEvent
from tests.conftest import WEBHOOK_SECRET

PATH = "/webhooks/stripe"


def event(**values: Any) -> dict[str, Any]:
    """A genuine snapshot event, as Stripe would send it."""
    return {
        "id": "evt_1",
        "object": "event",
        "type": "customer.subscription.updated",
        "api_version": gateway.API_VERSION,
        "created": 1_790_000_000,
        "livemode": False,
        "data": {"object": {"id": "sub_1", "object": "subscription", "customer": "cus_1"}},
        **values,
    }


def signed(body: str, secret: str = WEBHOOK_SECRET, at: float | None = None) -> str:
    return WebhookSignature.generate_signature_header(body, secret, timestamp=int(time.time() if at is None else at))


def post(client: Any, body: str | bytes, header: str | None, **kwargs: Any) -> int:
    headers = {"Content-Type": "application/json"} | ({} if header is None else {"Stripe-Signature": header})
    return client.post(PATH, data=body, headers=headers, **kwargs).status_code


def rows() -> int:
    db.session.rollback()
    found = db.session.scalar(select(func.count()).select_from(StripeEvent)) or 0
    db.session.rollback()
    return found


def only_row() -> StripeEvent:
    db.session.rollback()
    return db.session.scalars(select(StripeEvent)).one()


def test_a_genuine_event_is_kept_as_it_was_signed(client: Any) -> None:
    body = json.dumps(event(), indent=3)
    assert post(client, body, signed(body)) == 200
    row = only_row()
    assert (row.payload, row.state, row.object_id, row.customer_id) == (body, "new", "sub_1", "cus_1")


def test_the_same_event_again_is_one_row_and_one_job(client: Any, app: Any) -> None:
    from kit import jobs

    body = json.dumps(event())
    assert {post(client, body, signed(body)) for _ in range(5)} == {200}
    assert rows() == 1
    assert len(jobs.waiting(app)) == 1


# --- W01, W03, W04, W15: not genuine, not an event ------------------------------------------------------------------

BODY = json.dumps(event())
FORGED = {
    "none": None,
    "empty": "",
    "another secret": signed(BODY, "whsec_of_somebody_else"),
    "v0 only": signed(BODY).replace("v1=", "v0="),
    "garbage": "t=1,v1=zz",
    "no time": "v1=" + "0" * 64,
    "two times": "t=1," + signed(BODY),
    "time is a word": "t=now,v1=" + "0" * 64,
    "time is huge": "t=" + "9" * 400 + ",v1=" + "0" * 64,
    "not ascii": "t=1,v1=\u00e9\u00e8",
    "NUL": "t=1\x00,v1=00",
    "8 kB": "t=1," + "v1=" + "0" * 8192,
    "of another body": signed(BODY + " "),
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED.keys())
def test_what_is_not_signed_by_stripe_leaves_no_row(client: Any, header: str | None) -> None:
    environment = {"HTTP_STRIPE_SIGNATURE": header} if header is not None else {}
    answer = client.post(PATH, data=BODY, content_type="application/json", environ_overrides=environment)
    assert (answer.status_code, answer.get_data()) == (400, b"refused\n")
    assert rows() == 0


@pytest.mark.parametrize(("age", "status"), [(0, 200), (299, 200), (-299, 200), (302, 400), (-302, 400), (86400, 400), (-86400, 400)])
def test_age_counts_both_ways(client: Any, age: int, status: int) -> None:
    assert post(client, BODY, signed(BODY, at=time.time() - age)) == status
    assert rows() == (1 if status == 200 else 0)


NO_EVENTS = {
    "empty": "",
    "array": "[]",
    "number": "1",
    "null": "null",
    "text": '"evt_1"',
    "not json": "{",
    "NaN": '{"id": NaN}',
    "infinity": '{"id": -Infinity}',
    "deep array": "[" * 100_000 + "]" * 100_000,
    "deep object": '{"a":' * 100_000 + "1" + "}" * 100_000,
    "a long number": '{"id": ' + "9" * 10_000 + "}",
    "no id": "{}",
    "id is a number": '{"id": 1, "type": "a.b"}',
    "id is odd": '{"id": "evt_\\u0000", "type": "a.b"}',
    "id is half a character": '{"id": "evt_\\ud800", "type": "a.b"}',
    "no type": '{"id": "evt_1"}',
    "type is odd": '{"id": "evt_1", "type": "A B"}',
}


@pytest.mark.parametrize("body", NO_EVENTS.values(), ids=NO_EVENTS.keys())
def test_a_signed_body_that_is_no_event_is_refused_by_name(client: Any, body: str) -> None:
    assert post(client, body, signed(body)) == 400
    assert rows() == 0


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b"\x80", "é".encode("latin-1")])
def test_bytes_that_are_no_text(client: Any, body: bytes) -> None:
    header = signed(body.decode("utf-8", "replace"))
    assert post(client, body, header) == 400
    assert rows() == 0


def test_a_byte_order_mark_and_gzip_are_not_what_was_signed(client: Any) -> None:
    import gzip

    assert post(client, b"\xef\xbb\xbf" + BODY.encode(), signed(BODY)) == 400
    assert post(client, gzip.compress(BODY.encode()), signed(BODY)) == 400
    assert rows() == 0


def test_a_huge_body_is_refused_before_anything_is_computed(client: Any) -> None:
    body = json.dumps(event(pad="x" * signatures.LARGEST))
    assert post(client, body, signed(body)) == 413
    assert rows() == 0


ODD_PARTS: dict[str, dict[str, Any]] = {
    "no data": {"data": None},
    "data is a list": {"data": []},
    "object is text": {"data": {"object": "sub_1"}},
    "object id is a number": {"data": {"object": {"id": 7}}},
    "object id is long": {"data": {"object": {"id": "x" * 5000}}},
    "customer is a list": {"data": {"object": {"id": "sub_1", "customer": [1]}}},
    "customer has a NUL": {"data": {"object": {"id": "sub_1", "customer": "cus_\x00"}}},
    "created is text": {"created": "yesterday"},
    "created is huge": {"created": 10**30},
    "created is a fraction": {"created": 1e999},
    "version is a list": {"api_version": []},
    "version is long": {"api_version": "v" * 500},
    "livemode is text": {"livemode": "false"},
    "an old version": {"api_version": "2015-10-16"},
    "extra fields": {"zzz": {"deep": [1, 2, {"x": None}]}},
    "thin event": {"object": "v2.core.event", "data": None, "type": "v1.customer.subscription.updated"},
    "unknown type": {"type": "treasury.something_new.happened"},
}


@pytest.mark.parametrize("odd", ODD_PARTS.values(), ids=ODD_PARTS.keys())
def test_a_genuine_event_with_odd_parts_is_kept_and_answered(client: Any, odd: dict[str, Any]) -> None:
    body = json.dumps(event(**odd))
    assert post(client, body.replace("Infinity", "1e999"), signed(body.replace("Infinity", "1e999"))) == 200
    assert rows() == 1


@settings(max_examples=200)
@given(header=st.one_of(st.text(max_size=300), st.binary(max_size=300).map(lambda b: b.decode("latin-1"))), body=st.binary(max_size=300))
def test_verified_raises_nothing_but_a_refusal(header: str, body: bytes) -> None:
    with pytest.raises(Refusal):
        gateway.verified(body, header, [WEBHOOK_SECRET], time.time())


@settings(max_examples=200)
@given(
    st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c))
)
def test_any_signed_json_is_an_object_or_a_refusal(value: Any) -> None:
    body = json.dumps(value)
    if isinstance(value, dict) and not any(constant in body for constant in ("NaN", "Infinity")):
        assert gateway.verified(body.encode(), signed(body), [WEBHOOK_SECRET], time.time()) == json.loads(body)
        return
    try:
        gateway.verified(body.encode(), signed(body), [WEBHOOK_SECRET], time.time())
    except Refusal:
        return
    assert isinstance(value, dict), "a text that only spells NaN is JSON"


# --- W09, W13, W16, W17, W19 ------------------------------------------------------------------------------------------

NOT_OURS = {"live": {"livemode": True}, "another account": {"account": "acct_other"}, "unhandled": {"type": "account.updated"}}


@pytest.mark.parametrize("values", NOT_OURS.values(), ids=NOT_OURS.keys())
def test_what_is_not_ours_is_kept_ignored_and_answered(client: Any, app: Any, values: dict[str, Any]) -> None:
    from kit import jobs

    body = json.dumps(event(**values))
    assert post(client, body, signed(body)) == 200
    row = only_row()
    assert row.state == "ignored"
    assert row.last_error
    assert not journal.replay(row.account, row.event_id)
    db.session.rollback()
    assert jobs.waiting(app) == []


def test_two_secrets_while_they_rotate(client: Any, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "STRIPE_WEBHOOK_SECRET", f"whsec_the_new_one_of_two , {WEBHOOK_SECRET}")
    for number, secret in enumerate(("whsec_the_new_one_of_two", WEBHOOK_SECRET)):
        body = json.dumps(event(id=f"evt_rotated_{number}"))
        assert post(client, body, signed(body, secret)) == 200
    both = f"{signed(BODY, 'whsec_unknown_to_us')},{signed(BODY).partition(',')[2]}"
    assert post(client, BODY, both) == 200
    assert rows() == 3


@pytest.mark.parametrize("path", [PATH + "/", "/" + PATH, PATH + "%2e", PATH + "/x", PATH.upper()])
def test_other_paths_are_nothing_and_redirect_nowhere(client: Any, path: str) -> None:
    assert client.post(path, data=BODY, headers={"Stripe-Signature": signed(BODY)}).status_code in (404, 405)
    assert rows() == 0


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
def test_other_methods_are_refused(client: Any, method: str) -> None:
    assert getattr(client, method)(PATH, data=BODY, headers={"Stripe-Signature": signed(BODY)}).status_code == 405
    assert rows() == 0


def test_stripe_is_asked_to_come_again_while_the_database_is_away(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is acknowledged that was not committed. The failure is put where it happens: at the commit."""

    def away(*_: object) -> None:
        raise OperationalError("COMMIT", {}, Exception("the database system is shutting down"))

    with monkeypatch.context() as broken:
        broken.setattr(db.session, "commit", away)
        assert post(client, BODY, signed(BODY)) == 503
    assert rows() == 0
    assert post(client, BODY, signed(BODY)) == 200
    assert rows() == 1


def test_the_sdk_speaks_the_tested_version(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway, "API_VERSION", "2020-08-27")
    with pytest.raises(SystemExit, match="is tested with 2020-08-27"):
        gateway.init_app(app)


def test_now_is_the_applications_clock() -> None:
    body = json.dumps(event())
    assert gateway.verified(body.encode(), signed(body, at=1000), [WEBHOOK_SECRET], 1000.0)["id"] == "evt_1"
    assert clock.now().tzinfo is not None
