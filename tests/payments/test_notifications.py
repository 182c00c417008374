"""17: thin events, at an address of their own."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
import time_machine
from flask import Flask
from sqlalchemy import func, select
from stripe import StripeClient, WebhookSignature

from kit import jobs
from kit.database import db
from payments.models import StripeEvent
from tests.conftest import WEBHOOK_SECRET
from tests.payments.readers import entitled, press, put_on_sale

PATH, SECRET = "/webhooks/stripe/notifications", "whsec_notifications_of_the_suite"
THIN: dict[str, Any] = {
    "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0",
    "object": "v2.core.event",
    "type": "v1.customer.subscription.updated",
    "created": "2026-11-22T12:00:00.000Z",
    "livemode": False,
    "context": None,
    "related_object": {"id": "sub_1", "type": "subscription", "url": "/v1/subscriptions/sub_1"},
}


@pytest.fixture(autouse=True)
def secret(app: Flask) -> Iterator[None]:
    app.config["STRIPE_NOTIFICATION_SECRET"] = SECRET
    yield
    app.config["STRIPE_NOTIFICATION_SECRET"] = ""


def post(app: Flask, secret: str = SECRET, path: str = PATH, **values: Any) -> int:
    body = json.dumps({**THIN, **values})
    header = WebhookSignature.generate_signature_header(body, secret, timestamp=int(time.time()))
    return app.test_client().post(path, data=body, headers={"Stripe-Signature": header}).status_code


def queued() -> list[str]:
    db.session.rollback()
    found = jobs.client().list_workflows(status=["ENQUEUED", "DELAYED"], load_output=False)
    return [flow.workflow_id for flow in found if flow.workflow_id.startswith("payments.reconcile:")]


def rows() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(StripeEvent)) or 0


def test_the_sdk_takes_ours_for_one() -> None:
    body = json.dumps(THIN)
    header = WebhookSignature.generate_signature_header(body, SECRET, timestamp=int(time.time()))
    assert StripeClient("sk_test_x").parse_event_notification(body, header, SECRET).type == THIN["type"]


def test_17_a_notification_has_the_list_read_and_what_it_was_about_is_applied(
    app: Flask, visit: Any, make_account: Any, sandbox: Any, drain: Any, outbox: Any
) -> None:
    put_on_sale(sandbox)
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    for event in sandbox.take_deliveries():  # no whole event is ever delivered, and Stripe counts them as told
        sandbox.world.the("event", event.id)["pending_webhooks"] = 0
    with time_machine.travel(int(time.time()) // 5 * 5 + 1, tick=False):
        assert post(app) == 200
        assert post(app) == 200, "told twice"
        assert post(app, id="evt_test_another") == 200
    db.session.rollback()
    row = db.session.get_one(StripeEvent, ("", THIN["id"]))
    assert (row.state, json.loads(row.payload)) == ("ignored", THIN)
    assert len(queued()) == 1, "a reading for all of five seconds"
    jobs.run(app, "payments.reconcile", [])  # five seconds are over
    drain()
    assert entitled(account_id)
    assert [one.subject for one in outbox() if one.key.startswith("receipt:")], (
        "nobody was told before, whatever Stripe counts as delivered"
    )


@pytest.mark.parametrize(
    ("values", "status"),
    [({"secret": WEBHOOK_SECRET}, 400), ({"object": "event"}, 400), ({"id": "odd id"}, 400)],
    ids=["the other address's secret", "a whole event", "no event"],
)
def test_what_is_none_is_refused_and_nothing_is_kept(app: Flask, values: dict[str, Any], status: int) -> None:
    assert post(app, **values) == status
    assert (rows(), queued()) == (0, [])


def test_without_a_secret_there_is_no_such_address(app: Flask) -> None:
    app.config["STRIPE_NOTIFICATION_SECRET"] = ""
    assert post(app) == 404
    assert post(app, secret="") == 404
    assert rows() == 0


def test_at_the_address_for_whole_events_it_is_kept_and_ignored(app: Flask) -> None:
    assert post(app, secret=WEBHOOK_SECRET, path="/webhooks/stripe") == 200
    assert (rows(), queued()) == (1, [])
