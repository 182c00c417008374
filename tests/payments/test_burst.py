"""A burst: 5,000 events about 500 objects come at once, as after a night in which the endpoint was shut."""

import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import func, insert, select

from kit import clock
from kit.database import db
from payments import gateway
from payments.models import StripeEvent, Subscription
from payments.models.journal import IS_NEW
from tests.payments.readers import put_on_sale

EVENTS, OBJECTS = 5000, 500
TYPES = ("customer.subscription.created", "customer.subscription.updated", "customer.subscription.trial_will_end")


@pytest.fixture
def unpaced(app: Flask, sandbox: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the 20 calls a second that we hold ourselves to: 500 looks would take half a minute more."""
    monkeypatch.setitem(app.config, "STRIPE_RATE", 100_000)
    gateway.forget_client()
    yield
    gateway.forget_client()


def asked(sandbox: Any, path: str, **params: str) -> dict[str, Any]:
    status, _headers, body = sandbox.handle("POST", path, {"Authorization": "Bearer sk_test_burst"}, urlencode(params).encode())
    assert status == 200, body
    return json.loads(body)


def subscriptions(sandbox: Any) -> list[dict[str, Any]]:
    """One a Customer, all of them really there."""
    price = next(one["id"] for one in sandbox.world.store.all("price") if one.get("recurring"))
    made = []
    for _ in range(OBJECTS):
        customer = asked(sandbox, "/v1/customers")["id"]
        made.append(asked(sandbox, "/v1/subscriptions", customer=customer, trial_period_days="30", **{"items[0][price]": price}))
    return made


def tell(told: list[dict[str, Any]]) -> None:
    """Straight into the journal, shuffled, as the door writes them."""
    now, rows = clock.now(), []
    for number in range(EVENTS):
        about = told[number % len(told)]
        body = {"id": f"evt_burst{number:05d}", "type": TYPES[number // len(told) % len(TYPES)], "data": {"object": about}}
        values = {"account": "", "event_id": body["id"], "type": body["type"], "livemode": False, "created": int(now.timestamp())}
        values |= {
            "object_id": about["id"],
            "customer_id": about["customer"],
            "payload": json.dumps(body),
            "received_at": now,
            "due_at": now,
        }
        rows.append({**values, "source": "webhook", "state": "new", "attempts": 0})
    random.Random(1).shuffle(rows)
    for start in range(0, len(rows), 500):
        db.session.execute(insert(StripeEvent), rows[start : start + 500])
    db.session.commit()


@pytest.mark.slow
def test_a_burst_is_drained_with_at_most_one_fetch_an_object(app: Flask, sandbox: Any, unpaced: None, drain: Any) -> None:
    put_on_sale(sandbox)
    tell(subscriptions(sandbox))
    before, began = len(sandbox.requests), time.monotonic()
    ran = drain()
    took = time.monotonic() - began
    fetched = Counter(one["path"] for one in sandbox.requests[before:] if one["path"].count("/") == 3)
    assert len([path for path in fetched if path.startswith("/v1/subscriptions/")]) == OBJECTS
    assert max(fetched.values()) == 1, fetched.most_common(3)
    assert db.session.scalar(select(func.count()).select_from(StripeEvent).where(IS_NEW)) == 0
    assert db.session.scalar(select(func.count()).select_from(StripeEvent).where(StripeEvent.state == "done")) == EVENTS
    assert db.session.scalar(select(func.count()).select_from(Subscription)) == OBJECTS
    db.session.rollback()
    assert ran < 2 * OBJECTS + 100, "jobs are of Customers, not of events"
    assert took < 400, f"{took:.0f} s"
