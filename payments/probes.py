"""What the doctor asks of this room: each probe answers "ok" or what is wrong, in a line."""

from datetime import timedelta

from flask import Flask
from sqlalchemy import func, select

from kit import clock
from kit.database import db
from payments import checkout
from payments.models import Plan, StripeEvent

LATE = timedelta(hours=1)


def parked() -> str:
    """Events that failed too often wait for staff."""
    count = db.session.scalar(select(func.count()).where(StripeEvent.state == "parked")) or 0
    return f"{count} parked: look at /admin/webhooks/?state=parked" if count else "ok"


def waiting() -> str:
    """Events that nobody applied for an hour: is the worker running?"""
    late = select(func.count()).where(StripeEvent.state == "new", StripeEvent.received_at < clock.now() - LATE)
    count = db.session.scalar(late) or 0
    return f"{count} wait since more than an hour: is a worker running, and does Stripe answer?" if count else "ok"


def paying_twice() -> str:
    """Readers with more than one Subscription."""
    found = checkout.twice()
    return f"{len(found)} readers pay for more than one subscription" if found else "ok"


def on_sale() -> str:
    """Is there anything to buy?"""
    return "ok" if db.session.scalar(select(Plan.key).where(Plan.on_sale).limit(1)) else "nothing is on sale: flask stripe plans sync"


def init_app(app: Flask) -> None:
    """Give the doctor these probes."""
    probes = {"webhooks parked": parked, "webhooks waiting": waiting, "paying twice": paying_twice, "plans on sale": on_sale}
    app.extensions.setdefault("doctor", {}).update(probes)
