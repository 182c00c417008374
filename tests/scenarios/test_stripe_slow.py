"""Rows S01 and S02 of docs/scenarios: lines that hang or break, and a Stripe that is busy or in trouble. How often it is asked, and how long a page waits."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
import requests
import stripe
from flask import Flask
from sqlalchemy import select

from kit.database import db
from payments import call_jobs, gateway, pacing, resolutions
from payments.gateway import GatewayRefused, GatewayUnavailable, NotAsked, hurry, line
from payments.models import CheckoutIntent
from tests.payments.outgoing import forget, made, rows
from tests.payments.readers import press, put_on_sale

ANN = {"email": "ann@reader.example", "metadata": {"account": "a1"}}


@pytest.fixture(autouse=True)
def on_sale(sandbox: Any) -> Iterator[None]:
    put_on_sale(sandbox)
    forget()
    yield
    assert sandbox.complaints == []


class Clock:
    """Stands in for ``time`` where somebody pauses: a pause moves it and is noted."""

    def __init__(self) -> None:
        self.at, self.pauses = 1000.0, list[float]()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds
        self.pauses.append(seconds)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made_one = Clock()
    for module in (line, hurry, pacing, stripe._http_client):
        monkeypatch.setattr(module, "time", made_one)
    gateway.forget_client()
    return made_one


def asked(sandbox: Any, path: str = "/v1/customers") -> list[dict[str, Any]]:
    return [one for one in sandbox.requests if one["path"] == path and one["method"] == "POST"]


# --- S01: the line ------------------------------------------------------------------------------------------------------


@contextmanager
def nobody_takes_the_call(app: Flask) -> Iterator[None]:
    """A port whose queue is full: who connects there waits for ever, as at a host that is gone."""
    with socket.socket() as full, socket.socket() as one, socket.socket() as two:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (one, two):
            waiting.setblocking(False)
            with suppress(BlockingIOError):
                waiting.connect(full.getsockname())
        before, app.config["STRIPE_API_BASE"] = app.config["STRIPE_API_BASE"], f"http://127.0.0.1:{full.getsockname()[1]}"
        gateway.forget_client()
        try:
            yield
        finally:
            app.config["STRIPE_API_BASE"] = before
            gateway.forget_client()


@contextmanager
def faulty(sandbox: Any, **fault: Any) -> Iterator[None]:
    sandbox.faults(**fault, paths="checkout/sessions")
    yield
    sandbox.faults()


LINES = {
    "no connection": lambda app, _sandbox: nobody_takes_the_call(app),
    "no answer": lambda _app, sandbox: faulty(sandbox, timeout={"rate": 1.0, "seconds": 0.6}),
    "reset before it was done": lambda _app, sandbox: faulty(sandbox, reset=1.0),
    "reset after it was done": lambda _app, sandbox: faulty(sandbox, reset_after_commit=1.0),
}


@pytest.mark.parametrize("trouble", LINES.values(), ids=LINES.keys())
def test_S01_whatever_the_line_does_she_is_told_and_one_session_is_made_for_her_wish(
    app: Flask, visit: Any, make_account: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch, trouble: Any
) -> None:
    """With time-outs of a moment; how long the real ones are is the next test's matter."""
    monkeypatch.setattr(resolutions, "PAUSE", resolutions.PAUSE * 0)
    monkeypatch.setattr(resolutions, "DESERTED", resolutions.DESERTED * 0)
    browser = visit(make_account())
    with trouble(app, sandbox), monkeypatch.context() as quick:
        quick.setattr(line, "WEB_TIMEOUT", (0.2, 0.3))
        gateway.forget_client()
        page = browser.post("/subscribe/checkout", {"plan": "reader-monthly"})
        assert (page.status, "Nothing was charged" in page.text) == (503, True)
    gateway.forget_client()
    session_id = press(browser)
    call_jobs.resolve_calls()
    assert [one["id"] for one in made(sandbox, "checkout.session")] == [session_id]
    assert {state for _kind, state in rows()} == {"done"}
    assert [(one.state, one.session_id) for one in db.session.scalars(select(CheckoutIntent))] == [("open", session_id)]
    assert len({one["idempotency_key"] for one in asked(sandbox, "/v1/checkout/sessions")}) == 1


def test_S01_a_page_s_questions_together_take_less_than_six_seconds(
    app: Flask, clock: Clock, monkeypatch: pytest.MonkeyPatch, sandbox: Any
) -> None:
    """By the time-outs as they are configured: each of two calls answers at the last moment or never, and the worst counts."""
    waits: list[tuple[float, float]] = []
    last_moment: list[bool] = []

    def hang(_session: Any, _method: str, _url: str, *, timeout: tuple[float, float], **_options: Any) -> Any:
        waits.append(timeout)
        clock.at += sum(timeout)  # connected at the last moment, and then nothing
        if last_moment:
            last_moment.pop()
            answer = requests.Response()
            answer.status_code, answer._content = 200, b'{"id": "cus_1", "object": "customer"}'
            return answer
        raise requests.ReadTimeout("hangs")

    monkeypatch.setattr(requests.Session, "request", hang)
    for slow in (0, 1):
        last_moment[:] = [True] * slow
        waits.clear()
        begun = clock.at
        with app.test_request_context("/subscribe/checkout", method="POST"):
            for number in range(slow):
                assert gateway.create_customer(ANN, f"slow-{number}")["id"] == "cus_1"
            with pytest.raises(GatewayUnavailable):
                gateway.create_customer(ANN, f"hangs-{slow}")
            with pytest.raises(NotAsked):
                gateway.create_customer(ANN, f"too-late-{slow}")
        assert len(waits) == 2, "the second try, or the second call, had what the first one left"
        assert clock.at - begun < 6


# --- S02: the answers ---------------------------------------------------------------------------------------------------

WAIT, RETRY, DO_NOT = {"Retry-After": "5"}, {"Stripe-Should-Retry": "true"}, {"Stripe-Should-Retry": "false"}
ANSWERS: dict[str, tuple[str, dict[str, str], tuple[int, int], tuple[int, int], str]] = {
    # status, headers -> tries of a job (least, most), of a page, what is known then
    "429": ("429", {}, (5, 12), (1, 4), "unknown"),
    "429, wait": ("429", WAIT, (5, 7), (1, 1), "unknown"),
    "429, retry": ("429", RETRY, (5, 36), (2, 8), "unknown"),
    "429, do not retry": ("429", DO_NOT, (5, 12), (1, 4), "unknown"),
    "500": ("500", {}, (3, 3), (2, 2), "unknown"),
    "500, do not retry": ("500", DO_NOT, (1, 1), (1, 1), "unknown"),
    "503": ("503", {}, (3, 3), (2, 2), "unknown"),
    "503, retry": ("503", RETRY, (3, 3), (2, 2), "unknown"),
    "503, do not retry": ("503", DO_NOT, (1, 1), (1, 1), "unknown"),
    "400, retry": ("400", RETRY, (3, 3), (2, 2), "refused"),
    "400": ("400", {}, (1, 1), (1, 1), "refused"),
}


@pytest.mark.parametrize(("status", "headers", "job", "page", "known"), ANSWERS.values(), ids=ANSWERS.keys())
def test_S02_tries_are_bounded_and_have_one_key(
    app: Flask, sandbox: Any, clock: Clock, status: str, headers: dict[str, str], job: Any, page: Any, known: str
) -> None:
    sandbox.faults(status={status: 1.0}, headers=headers)
    for where, (least, most) in (("job", job), ("page", page)):
        before, begun = len(asked(sandbox)), clock.at
        context = app.test_request_context("/", method="POST") if where == "page" else app.app_context()
        with context, pytest.raises((GatewayUnavailable, GatewayRefused)):
            gateway.create_customer({**ANN, "metadata": {"account": where}}, f"customer-{where}")
        tries = asked(sandbox)[before:]
        assert least <= len(tries) <= most, where
        assert {one["idempotency_key"] for one in tries} == {f"customer-{where}"}
        assert clock.at - begun <= (6 if where == "page" else 60)
    sandbox.faults()
    assert [state for _kind, state in rows()] == [known] * 2
    if headers == WAIT:
        assert all(pause >= 5 for pause in clock.pauses), clock.pauses
    assert made(sandbox, "customer") == []
    gateway.create_customer({**ANN, "metadata": {"account": "job"}}, "customer-job")
    assert [state for _kind, state in rows()] == ["done", known]
    assert len(made(sandbox, "customer")) == 1


@pytest.mark.parametrize(
    "fault", [{"status": {"500": 1.0}}, {"status": {"503": 1.0}, "headers": DO_NOT}, {"reset": 1.0}], ids=["500", "503", "reset"]
)
def test_S02_the_breaker_opens_the_archive_goes_on_and_one_try_closes_it(
    visit: Any, make_article: Any, sandbox: Any, clock: Clock, fault: dict[str, Any]
) -> None:
    slug = make_article().slug
    sandbox.faults(**fault)
    for number in range(5):
        with pytest.raises(GatewayUnavailable) as unheard:
            gateway.create_customer(ANN | {"metadata": {"account": str(number)}}, f"customer-{number}")
        assert not isinstance(unheard.value, NotAsked)
    count = len(sandbox.requests)
    with pytest.raises(NotAsked):
        gateway.create_customer(ANN, "customer-6")
    assert [visit().get(path).status for path in ("/", f"/articles/{slug}", "/archive/")] == [200] * 3
    assert len(sandbox.requests) == count
    sandbox.faults()
    clock.at += 11
    gateway.create_customer(ANN, "customer-6")
    gateway.create_customer(ANN | {"metadata": {"account": "7"}}, "customer-7")
    assert len(sandbox.requests) == count + 2
