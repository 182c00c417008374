"""The early refusal of forged webhooks: it says no where the door would, in the same words, and to nothing else."""

import logging
import re
import time
from typing import Any

import pytest
from flask import Flask, request_started
from hypothesis import given
from hypothesis import strategies as st
from stripe import WebhookSignature
from werkzeug.test import Client

from kit.health import registry
from payments.domain.signatures import LARGEST
from payments.views import webhook
from payments.views.forgeries import Forgeries
from tests.conftest import WEBHOOK_SECRET

PATH, NOTIFICATIONS = "/webhooks/stripe", "/webhooks/stripe/notifications"
BODY = '{"id": "evt_1"}'


def signed(body: str, seconds_ago: int = 0, secret: str = WEBHOOK_SECRET) -> str:
    return WebhookSignature.generate_signature_header(body, secret, int(time.time()) - seconds_ago)


def refused(app: Flask) -> dict[str, float]:
    """How many posts were refused, by reason."""
    found = {metric.name: metric for metric in registry.collect()}["wellspring_webhook_refused"]
    return {sample.labels["why"]: sample.value for sample in found.samples if sample.name.endswith("_total")}


def both(app: Flask, body: bytes, header: str | None, path: str = PATH) -> list[tuple[int, bytes, str, dict[str, float]]]:
    """What is answered and counted, with the early refusal and by the door alone."""
    assert isinstance(app.wsgi_app, Forgeries)
    answers = []
    for server in (app.wsgi_app, app.wsgi_app.inner):
        before = refused(app)
        answer = Client(server).post(path, data=body, headers={} if header is None else {"Stripe-Signature": header})
        counted = {why: count - before.get(why, 0) for why, count in refused(app).items() if count != before.get(why, 0)}
        answers.append((answer.status_code, answer.get_data(), answer.headers["Content-Type"], counted))
    return answers


FORGED = {
    "no signature": None,
    "nonsense": "nonsense",
    "odd letters": "t=1,v1=é",
    "long": "t=1," + "v1=00," * 400,
    "two times": "t=1,t=2,v1=00",
    "another secret": signed(BODY, secret="whsec_of_somebody_else_0123"),
    "another body": signed(BODY + " "),
    "an old kind": signed(BODY).replace("v1=", "v0="),
    "old and forged": "t=1,v1=00",
    "ahead and forged": "t=99999999999,v1=00",
}


@pytest.mark.parametrize("header", FORGED.values(), ids=FORGED)
def test_what_is_forged_never_reaches_the_application(app: Flask, header: str | None) -> None:
    early, door = both(app, BODY.encode(), header)
    assert early == door
    assert early[:2] == (400, b"refused\n")
    seen: list[Any] = []
    with request_started.connected_to(lambda *_, **__: seen.append(1), app):
        app.test_client().post(PATH, data=BODY, headers={} if header is None else {"Stripe-Signature": header})
        assert seen == []
        app.test_client().post(PATH, data=BODY, headers={"Stripe-Signature": signed(BODY)})
        assert seen == [1]


def test_whatever_is_sent_it_is_answered_as_by_the_door(app: Flask) -> None:
    headers = st.one_of(
        st.none(),
        st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=80),
        st.from_regex(r"\At=[0-9]{1,12}(,v1=[0-9a-f]{4,64}){0,2}\Z"),
        st.sampled_from([signed(BODY, 400), signed(BODY, -400), signed("[]"), signed("[]", secret="whsec_other_0123456789")]),
    )

    @given(headers, st.sampled_from([BODY.encode(), b"[]", b"", b"\xff"]))
    def holds(header: str | None, body: bytes) -> None:
        early, door = both(app, body, header)
        assert early == door

    holds()


def test_a_long_body_and_one_without_a_length_are_the_doors_business(app: Flask) -> None:
    early, door = both(app, b"x" * (LARGEST + 1), "t=1,v1=00")
    assert early == door
    assert early[0] == 413


@pytest.mark.parametrize("secret", ["", "whsec_of_the_thin_ones_only_01234"], ids=["closed", "open"])
def test_the_door_for_thin_events_has_its_own_secret(app: Flask, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setitem(app.config, "STRIPE_NOTIFICATION_SECRET", secret)
    seen: list[Any] = []
    for header in (signed(BODY), signed(BODY, secret="whsec_of_the_thin_ones_only_01234"), "t=1,v1=00"):
        early, door = both(app, BODY.encode(), header, NOTIFICATIONS)
        assert early == door or not secret  # an error page has its request's own number
        assert early[0] == door[0] == (400 if secret else 404)
        with request_started.connected_to(lambda *_, **__: seen.append(1), app):
            app.test_client().post(NOTIFICATIONS, data=BODY, headers={"Stripe-Signature": header})
    assert len(seen) == (1 if secret else 3)


def test_a_flood_writes_a_line_a_second_and_no_more(app: Flask, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "_noted", {})
    began = time.monotonic()
    with caplog.at_level(logging.WARNING):
        for _ in range(300):
            app.test_client().post(PATH, data=BODY, headers={"Stripe-Signature": "t=1,v1=00"})
    lines = [record.getMessage() for record in caplog.records if "webhook refused" in record.getMessage()]
    assert 1 <= len(lines) <= 2 + time.monotonic() - began
    assert re.search(r"times'?\W+1\b", lines[0])
