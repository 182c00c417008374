"""The webhook's door: what a stranger, a broken proxy or a careless machine may post, and what must come of it (table W)."""

import io
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from stripe import SignatureVerificationError, WebhookSignature
from werkzeug.test import create_environ

from kit import clock
from kit.database import db
from kit.health import registry
from payments import gateway, journal
from payments.domain import signatures
from payments.domain.signatures import Refusal
from payments.models import StripeEvent
from sandbox.delivery import signature
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


def counted(name: str, **labels: str) -> float:
    return registry.get_sample_value(name, labels) or 0.0


@pytest.mark.parametrize(("age", "word"), [(360, "earlier"), (-360, "later")])
def test_c20_a_clock_that_is_wrong_is_told_at_once(
    app: Any, client: Any, outbox: Any, monkeypatch: pytest.MonkeyPatch, age: int, word: str
) -> None:
    """Everything of the post is right but its time: nobody but Stripe can sign so, and it says which of the two clocks is wrong."""
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@ferrybell.example")
    before = counted("wellspring_webhook_out_of_time_total", known="no")
    assert [post(client, BODY, signed(BODY, at=time.time() - age)) for _ in range(2)] == [400, 400]
    assert rows() == 0
    (mail,) = outbox()
    assert (mail.recipient, mail.subject) == ("desk@ferrybell.example", "This machine's clock is wrong")
    assert f"6 minutes {word} than this machine's clock says" in mail.text
    assert counted("wellspring_webhook_out_of_time_total", known="no") == before + 2


def test_c20_neither_a_stranger_nor_an_old_post_says_anything_of_the_clock(
    app: Any, client: Any, outbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(app.config, "ADMIN_EMAIL", "desk@ferrybell.example")
    assert post(client, BODY, signed(BODY, "whsec_of_somebody_else", at=time.time() - 3600)) == 400
    assert post(client, BODY, signed(BODY, at=time.time() - 200)) == 200
    assert post(client, BODY, signed(BODY, at=time.time() - 3600)) == 400, "captured, and sent again"
    assert outbox() == []


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
    """Truly signed: it is not the signature that they are refused for."""
    before = refused("wrong-signature")
    assert post(client, body, signature(body, WEBHOOK_SECRET, int(time.time()))) == 400
    assert refused("wrong-signature") == before
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


class Endless(io.RawIOBase):
    """A body that never ends and says no length (W11): how much of it was taken is counted."""

    def __init__(self) -> None:
        self.taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        buffer[:] = b"x" * len(buffer)
        self.taken += len(buffer)
        return len(buffer)


def test_w11_a_body_without_a_length_is_read_no_further_than_an_event_can_be_long(app: Any) -> None:
    body, said = Endless(), []
    environment = create_environ(PATH, method="POST", headers={"Stripe-Signature": signed(BODY), "Transfer-Encoding": "chunked"})
    environment |= {"wsgi.input": body, "wsgi.input_terminated": True}
    environment.pop("CONTENT_LENGTH", None)
    b"".join(app.wsgi_app(environment, lambda status, *_: said.append(status)))
    assert said == ["413 REQUEST ENTITY TOO LARGE"]
    assert body.taken <= 2 * signatures.LARGEST
    assert rows() == 0


def refused(why: str) -> float:
    """How often the door has refused for this reason in this process."""
    return registry.get_sample_value("wellspring_webhook_refused_total", {"why": why}) or 0.0


def test_w01_what_is_refused_is_counted_by_its_reason(client: Any) -> None:
    before = refused("wrong-signature"), refused("no-signature")
    assert post(client, BODY, signed(BODY, "whsec_of_somebody_else")) == post(client, BODY, None) == 400
    assert (refused("wrong-signature"), refused("no-signature")) == (before[0] + 1, before[1] + 1)


def test_w05_the_same_event_at_the_same_moment_is_one_row_and_one_job(app: Any) -> None:
    from kit import jobs

    db.session.rollback()
    start, answers = threading.Barrier(8), []

    def deliver() -> None:
        client = app.test_client()
        start.wait()
        answers.extend(post(client, BODY, signed(BODY)) for _ in range(25))

    couriers = [threading.Thread(target=deliver) for _ in range(8)]
    for courier in couriers:
        courier.start()
    for courier in couriers:
        courier.join()
    assert (len(answers), set(answers)) == (200, {200})
    assert rows() == 1
    assert len(jobs.waiting(app)) == 1


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


PARTS = st.sampled_from(["t={now}", "v1={good}", "v1={bad}", "v0={good}", " v1={good}", "v1={good}0", "v1=", "t=1", "{good}", "v1={GOOD}"])


@settings(max_examples=300)
@given(parts=st.lists(PARTS, max_size=5), body=st.text(max_size=40), secret=st.sampled_from([WEBHOOK_SECRET, "whsec_of_somebody_else"]))
def test_we_accept_nothing_that_the_sdk_refuses(parts: list[str], body: str, secret: str) -> None:
    """The door computes the signature itself (a third of the SDK's time); that it is no laxer is shown here."""
    body = body.encode("utf-8", "ignore").decode()
    good = signed(body, secret, at=1000).partition("v1=")[2]
    header = ",".join(parts).format(now=1000, good=good, bad="0" * 64, GOOD=good.upper())
    try:
        stamp = signatures.signed_at(header)
    except Refusal:
        return
    ours = signatures.signer(body.encode(), header, stamp, [WEBHOOK_SECRET]) is not None
    try:
        theirs = WebhookSignature.verify_header(body, header, WEBHOOK_SECRET)
    except SignatureVerificationError:
        theirs = False
    assert ours == bool(theirs)


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


def told_by(place: int) -> float:
    """How many new events were signed by the secret in this place, so far."""
    return registry.get_sample_value("wellspring_webhook_events_total", {"secret": str(place), "known": "no"}) or 0.0


def test_w16_two_secrets_while_they_rotate_and_then_only_the_new_one(client: Any, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    new = "whsec_the_new_one_of_two"
    monkeypatch.setitem(app.config, "STRIPE_WEBHOOK_SECRET", f"{new} , {WEBHOOK_SECRET}")
    before = told_by(1), told_by(2)
    for number, secret in enumerate((new, WEBHOOK_SECRET)):
        body = json.dumps(event(id=f"evt_rotated_{number}"))
        assert post(client, body, signed(body, secret)) == 200
    assert (told_by(1), told_by(2)) == (before[0] + 1, before[1] + 1), "the old one may go when the second no longer grows"
    both = f"{signed(BODY, 'whsec_unknown_to_us')},{signed(BODY).partition(',')[2]}"
    assert post(client, BODY, both) == 200
    assert rows() == 3
    monkeypatch.setitem(app.config, "STRIPE_WEBHOOK_SECRET", new)
    last = json.dumps(event(id="evt_after_the_rotation"))
    assert post(client, last, signed(last, WEBHOOK_SECRET)) == 400
    assert post(client, last, signed(last, new)) == 200
    assert rows() == 4


SKEWED: dict[str, dict[str, Any]] = {
    "13: another endpoint, the same event": {},
    "16: an endpoint of years ago": {"api_version": "2020-08-27"},
    "16: an endpoint of next year": {"api_version": "2027-09-30.foxglove"},
    "16: no version": {"api_version": None},
    "20: told as of next year": {"created": 2_000_000_000},
}
IGNORED: dict[str, dict[str, Any]] = {
    "14: the other mode": {"livemode": True},
    "15: another account": {"account": "acct_other"},
    "15: another context": {"context": "acct_other"},
    "17: thin": {
        "object": "v2.core.event",
        "type": "v1.customer.subscription.updated",
        "data": None,
        "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
    },
    "17: thin, of a type that we take": {"object": "v2.core.event", "data": None},
}


@pytest.mark.parametrize(("values", "state"), [(v, "new") for v in SKEWED.values()] + [(v, "ignored") for v in IGNORED.values()],
                         ids=[*SKEWED, *IGNORED])  # fmt: skip
def test_w09_w13_what_is_skewed_is_kept_raw_and_applied_only_if_ours(client: Any, values: dict[str, Any], state: str) -> None:
    body = json.dumps(event(**values), indent=1)
    assert post(client, body, signed(body)) == 200
    assert post(client, body, signed(body)) == 200
    row = only_row()
    assert (row.state, row.payload) == (state, body)
    assert (row.due_at is None) is (state == "ignored")


def test_w13_the_account_that_we_act_for_is_ours(client: Any, app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.config, "STRIPE_ACCOUNT", "acct_ours")
    for number, values in enumerate(({"account": "acct_ours"}, {"context": "acct_ours"}, {})):
        body = json.dumps(event(id=f"evt_of_ours_{number}", **values))
        assert post(client, body, signed(body)) == 200
    db.session.rollback()
    assert set(db.session.scalars(select(StripeEvent.state))) == {"new"}


@pytest.mark.parametrize("path", [PATH + "/", "/" + PATH, PATH + "%2e", PATH + "/x", PATH.upper()])
def test_other_paths_are_nothing_and_redirect_nowhere(client: Any, path: str) -> None:
    assert client.post(path, data=BODY, headers={"Stripe-Signature": signed(BODY)}).status_code in (404, 405)
    assert rows() == 0


@pytest.mark.parametrize("method", ["get", "head", "put", "patch", "delete"])
def test_other_methods_are_refused(client: Any, method: str) -> None:
    assert getattr(client, method)(PATH, data=BODY, headers={"Stripe-Signature": signed(BODY)}).status_code == 405
    assert rows() == 0


@contextmanager
def locked() -> Iterator[None]:
    """Somebody keeps the database from taking a row: SQLite's one writer, or a lock on the journal's table."""
    db.session.rollback()
    keeper = db.engine.connect()
    try:
        if keeper.dialect.name == "postgresql":
            keeper.exec_driver_sql("lock table stripe_event in exclusive mode")
        else:
            keeper.exec_driver_sql("select 1")  # our own BEGIN is immediate
        yield
    finally:
        keeper.rollback()
        keeper.close()


def test_w19_stripe_is_asked_to_come_again_while_the_database_is_locked(client: Any) -> None:
    """Nothing is acknowledged that was not committed; and Stripe does not wait for it for longer than two seconds."""
    with locked():
        began = time.monotonic()
        assert post(client, BODY, signed(BODY)) == 503
        assert time.monotonic() - began < 2.5
    assert rows() == 0
    assert post(client, BODY, signed(BODY)) == 200
    assert rows() == 1


def test_w19_a_connection_that_died_meanwhile_is_replaced(client: Any, app: Any) -> None:
    """The database was restarted between two events: the second is taken in all the same."""
    assert post(client, BODY, signed(BODY)) == 200
    for kept in app.extensions["durable"]:
        kept.close()
    second = json.dumps(event(id="evt_after_the_restart"))
    assert post(client, second, signed(second)) == 200
    assert rows() == 2


def test_the_sdk_speaks_the_tested_version(app: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway.line, "API_VERSION", "2020-08-27")
    with pytest.raises(SystemExit, match="is tested with 2020-08-27"):
        gateway.init_app(app)


def test_now_is_the_applications_clock() -> None:
    body = json.dumps(event())
    assert gateway.verified(body.encode(), signed(body, at=1000), [WEBHOOK_SECRET], 1000.0)["id"] == "evt_1"
    assert clock.now().tzinfo is not None
