"""What the doctor asks of this room: each probe answers "ok" or what is wrong, in a line."""

from collections.abc import Iterator
from datetime import timedelta

from flask import Flask
from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric
from sqlalchemy import and_, func, select
from sqlalchemy.exc import SQLAlchemyError

from kit import clock
from kit.database import db
from kit.health import registry
from payments import chain, checkout, rhythm
from payments.models import OutgoingCall, Plan, StripeEvent
from payments.models.journal import IS_NEW, IS_PARKED

LATE = timedelta(hours=1)


def parked() -> str:
    """Events that failed too often wait for staff."""
    count = db.session.scalar(select(func.count()).where(IS_PARKED)) or 0
    return f"{count} parked: look at /admin/webhooks/?state=parked" if count else "ok"


def waiting() -> str:
    """Events that nobody applied for an hour: is the worker running?"""
    late = select(func.count()).where(IS_NEW, StripeEvent.received_at < clock.now() - LATE)
    count = db.session.scalar(late) or 0
    return f"{count} wait since more than an hour: is a worker running, and does Stripe answer?" if count else "ok"


def paying_twice() -> str:
    """Readers with more than one Subscription."""
    found = checkout.twice()
    return f"{len(found)} readers pay for more than one subscription" if found else "ok"


def on_sale() -> str:
    """Is there anything to buy?"""
    return "ok" if db.session.scalar(select(Plan.key).where(Plan.on_sale).limit(1)) else "nothing is on sale: flask stripe plans sync"


def sealed() -> str:
    """Events that came and were not linked: does the worker run, and is the clock right?"""
    late = chain.unsealed()
    return f"{late.event_id} of {late.received_at:%Y-%m-%d %H:%M} UTC was never sealed: flask journal verify" if late else "ok"


def heard() -> str:
    """Has Stripe been silent for longer than is likely?"""
    found = rhythm.silence()
    since = f"{found.since:%Y-%m-%d %H:%M} UTC" if found.since else "ever"
    return f"no event since {since}; {found.untold} only found by comparing: see /admin/webhooks/" if found.alarming else "ok"


class Journal:
    """The chain's length and newest value among the metrics, so that they are kept where those are kept."""

    def describe(self) -> list[Metric]:
        """Nothing is looked up when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """With each scrape: one row by its key."""
        try:
            head = chain.head()
        except SQLAlchemyError:
            return  # the other figures are still to be had
        finally:
            db.session.rollback()
        yield GaugeMetricFamily("wellspring_journal_links", "Links of the chain over the journal.", value=head.count)
        yield InfoMetricFamily(
            "wellspring_journal_head", "The chain's newest value.", value={"chain": head.chain, "links": str(head.count)}
        )


registry.register(Journal())


def calls_unknown() -> str:
    """Calls to Stripe of which nobody knows what became of them: given up, or unanswered for an hour."""
    late = (OutgoingCall.state.in_(("new", "unknown")), OutgoingCall.created_at < clock.now() - LATE)
    count = db.session.scalar(select(func.count()).where((OutgoingCall.state == "given_up") | and_(*late))) or 0
    return f"nobody knows what became of {count}: look at /admin/calls/" if count else "ok"


def init_app(app: Flask) -> None:
    """Give the doctor these probes."""
    probes = {"webhooks parked": parked, "webhooks waiting": waiting, "paying twice": paying_twice, "plans on sale": on_sale}
    probes |= {"journal sealed": sealed, "stripe heard": heard, "calls to stripe": calls_unknown}
    app.extensions.setdefault("doctor", {}).update(probes)
