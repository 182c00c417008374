"""Asking Stripe: patience with its limits, a quick word to people when it is away, and one Session however they click."""

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select

from kit.database import db
from payments import gateway, pacing
from payments.gateway import GatewayRefused, GatewayUnavailable, hurry
from payments.models import CheckoutIntent, Customer
from payments.pacing import Bucket

pytestmark = pytest.mark.usefixtures("on_sale")


def test_an_object_that_is_not_there_is_none() -> None:
    assert gateway.fetch_subscription("sub_none") is None
    assert gateway.fetch_charge("ch_none") is None


def test_what_stripe_refuses_is_a_refusal_with_its_code() -> None:
    with pytest.raises(GatewayRefused) as refused:
        gateway.create_portal_session("cus_none", "http://localhost/account/")
    assert refused.value.code == "resource_missing"


@pytest.mark.parametrize("status", ["500", "503", "409", "401", "403"])
def test_what_may_be_otherwise_later_is_unavailable(sandbox: Any, status: str) -> None:
    sandbox.faults(status={status: 1.0})
    with pytest.raises(GatewayUnavailable):
        gateway.fetch_customer("cus_1")


def test_a_job_waits_out_the_rate_limit(sandbox: Any) -> None:
    sandbox.faults(status={"429": 1.0}, times=2)
    assert gateway.fetch_customer("cus_none") is None
    assert [one["status"] for one in sandbox.requests[-3:]] == [429, 429, 404]


def test_a_broken_line_is_tried_again_with_the_same_key(sandbox: Any) -> None:
    sandbox.faults(reset_after_commit=1.0, times=1, methods=["POST"])
    made = gateway.create_customer({"email": "ann@reader.example"}, "customer-key-1")
    keys = {one["idempotency_key"] for one in sandbox.requests if one["path"] == "/v1/customers"}
    assert keys == {"customer-key-1"}
    assert [one["data"]["object"]["id"] for one in sandbox.events() if one["type"] == "customer.created"] == [made["id"]]


def test_within_one_look_an_object_is_asked_for_once(sandbox: Any) -> None:
    made = gateway.create_customer({"email": "ann@reader.example"}, "customer-key-2")
    before = len(sandbox.requests)
    with gateway.remembering():
        assert gateway.fetch_customer(made["id"]) == gateway.fetch_customer(made["id"])
    assert len(sandbox.requests) == before + 1
    gateway.fetch_customer(made["id"])
    assert len(sandbox.requests) == before + 2


@pytest.mark.slow
def test_a_person_hears_within_six_seconds_that_stripe_hangs(visit: Any, make_account: Any, sandbox: Any) -> None:
    browser = visit(make_account())
    sandbox.faults(timeout={"rate": 1.0, "seconds": 20})
    begun = time.monotonic()
    page = browser.post("/subscribe/checkout", {"plan": "reader-monthly"})
    assert (page.status, "Nothing was charged" in page.text) == (503, True)
    assert time.monotonic() - begun < 7  # 6 and a busy machine


def test_two_clicks_at_once_are_one_session(app: Any, visit: Any, make_account: Any, sandbox: Any) -> None:
    account = make_account()
    browsers = [visit(account) for _ in range(3)]
    tokens = [browser.csrf_token() for browser in browsers]
    db.session.rollback()
    barrier, places = threading.Barrier(len(browsers)), []

    def click(browser: Any, token: str) -> None:
        barrier.wait()
        answer = browser.client.post("/subscribe/checkout", data={"plan": "reader-monthly", "csrf_token": token})
        places.append((answer.status_code, answer.headers.get("Location")))

    threads = [threading.Thread(target=click, args=pair) for pair in zip(browsers, tokens, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {status for status, _ in places} <= {303, 503}, places
    assert len({place for status, place in places if status == 303}) == 1
    assert db.session.scalar(select(func.count()).select_from(CheckoutIntent)) == 1
    assert db.session.scalar(select(func.count()).select_from(Customer)) == 1
    assert len([one for one in sandbox.events() if one["type"] == "customer.created"]) == 1


def test_the_bucket_lets_a_burst_through_and_then_a_rate() -> None:
    bucket, begun = Bucket(rate=200, burst=5), time.monotonic()
    for _ in range(5):
        bucket.take()
    assert time.monotonic() - begun < 0.02
    for _ in range(10):
        bucket.take()
    assert 0.04 < time.monotonic() - begun < 1


class Waits:
    """A clock that nobody waits for: a pause moves it, and is noted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.slept = 0.0, 0.0
        for module in (pacing, hurry):
            monkeypatch.setattr(module, "time", self)

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at, self.slept = self.at + seconds, self.slept + seconds


@pytest.fixture
def twenty_a_second(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Iterator[Waits]:
    monkeypatch.setitem(app.config, "STRIPE_RATE", 20)
    monkeypatch.setitem(app.config, "WEB_CONCURRENCY", 8)
    waits = Waits(monkeypatch)
    gateway.forget_client()
    yield waits
    gateway.forget_client()


def sent_by(process: Any, waits: Waits) -> list[float]:
    """When a process that just started sends its calls, as fast as it may, for three seconds."""
    gateway.forget_client()
    waits.at, sent = 0.0, []
    while waits.at < 3:
        with process():
            assert gateway.fetch_customer("cus_none") is None
        sent.append(waits.at)
    return sent


@pytest.mark.parametrize("web_processes", [1, 2, 3, 4, 8])
def test_38_a_job_asks_at_the_pace_of_its_share(
    twenty_a_second: Waits, app: Flask, sandbox: Any, monkeypatch: pytest.MonkeyPatch, web_processes: int
) -> None:
    """The worker and every web process at once: in no second as many as Stripe's 25."""
    monkeypatch.setitem(app.config, "WEB_CONCURRENCY", web_processes)
    before = len(sandbox.requests)
    worker = sent_by(contextlib.nullcontext, twenty_a_second)
    page = sent_by(lambda: app.test_request_context("/"), twenty_a_second)
    assert len(sandbox.requests) - before == len(worker) + len(page)
    assert worker[-1] - worker[-15] == pytest.approx(1), "fourteen a second"
    sent = [*worker, *page * web_processes]
    busiest = max(sum(begun <= at < begun + 1 - 1e-9 for at in sent) for begun in sent)
    assert 14 <= busiest < 25


def test_38_a_page_is_told_instead_of_waiting_long(twenty_a_second: Waits, app: Flask, sandbox: Any) -> None:
    """Each of eight web processes has three calls in four seconds: the fifth would come when the page's time is over."""
    before = len(sandbox.requests)
    with app.test_request_context("/"):
        for _ in range(4):
            assert gateway.fetch_customer("cus_none") is None
        with pytest.raises(gateway.NotAsked):
            gateway.fetch_customer("cus_none")
    assert (len(sandbox.requests) - before, twenty_a_second.slept) == (4, pytest.approx(4.0))
