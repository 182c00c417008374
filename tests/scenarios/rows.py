"""What tests of faults look at and do: rows and states in a transaction of their own, an event posted, a statement of an administrator."""

import json
import time
from typing import Any

import sqlalchemy as sa
from flask import Flask
from sqlalchemy import func, select

from kit import clock
from kit.database import db
from payments.models import StripeEvent
from sandbox.delivery import signature
from tests.conftest import WEBHOOK_SECRET

APPLIED = {"done", "ignored"}  # of some events nothing follows
GIVEN = {"suggested": "", "amount": "25.00", "frequency": "once", "email": "gus@guest.example"}


def count(table: Any, *where: Any) -> int:
    db.session.rollback()
    found = db.session.scalar(select(func.count()).select_from(table).where(*where)) or 0
    db.session.rollback()
    return found


def states() -> set[str]:
    db.session.rollback()
    found = set(db.session.scalars(select(StripeEvent.state)))
    db.session.rollback()
    return found


def event_of(size: int) -> dict[str, Any]:
    return {"id": f"evt_of_{size}", "object": "event", "type": "plan.created", "livemode": False, "created": int(clock.now().timestamp()),
            "api_version": "2026-10-28.endive", "data": {"object": {"id": "plan_x", "object": "plan", "nickname": "x" * size}}}  # fmt: skip


def tell(app: Flask, size: int) -> int:
    body = json.dumps(event_of(size)).encode()
    db.session.rollback()
    return knock(app.test_client(), body)


def knock(client: Any, body: bytes) -> int:
    header = {"Stripe-Signature": signature(body, WEBHOOK_SECRET, int(time.time()))}
    return client.post("/webhooks/stripe", data=body, headers=header).status_code


def say(*statements: str) -> None:
    apart = sa.create_engine(db.engine.url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    with apart.connect() as keeper:
        for statement in statements:
            keeper.exec_driver_sql(statement)
    apart.dispose()
