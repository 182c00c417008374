"""Snapshots for properties: a few sources, times on a coarse grid so that edges meet, every state that there is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from membership.domain.standing import Snapshot

START = datetime(2026, 1, 1, tzinfo=UTC)
GRACE = timedelta(days=7)
DAYS = 60

STATUSES = ("trialing", "active", "past_due", "paused", "canceled", "unpaid", "incomplete", "incomplete_expired")


def at(day: float) -> datetime:
    """The instant ``day`` days into 2026."""
    return START + timedelta(days=day)


def snapshot(**values: Any) -> Snapshot:
    """A monthly Subscription that began on day 0 and is paid until day 30."""
    defaults: dict[str, Any] = {
        "kind": "subscription",
        "source_id": "sub_1",
        "status": "active",
        "started_at": at(0),
        "observed_at": at(0),
        "paid_until": at(30),
        "plan_key": "reader-monthly",
        "price_interval": "month",
        "mrr_720": 360_000,
        "currency": "usd",
    }
    return Snapshot(**{**defaults, **values})


days = st.integers(0, DAYS).map(at)
instants = st.integers(-2 * 24, (DAYS + 20) * 24).map(lambda hours: START + timedelta(hours=hours))


@st.composite
def snapshots(draw: st.DrawFn, sources: int = 3) -> Snapshot:
    """Any snapshot of one of a few sources, consistent in itself."""
    kind = draw(st.sampled_from(["subscription", "grant", "gift", "group"]))
    status = draw(st.sampled_from(STATUSES)) if kind == "subscription" else draw(st.sampled_from(["active", "canceled"]))
    ended = draw(days) if status == "canceled" else None
    return Snapshot(
        kind=kind,  # type: ignore[arg-type]
        source_id=f"{kind}_{draw(st.integers(1, sources))}",
        status=status,
        started_at=draw(days),
        observed_at=draw(days),
        paid_until=draw(st.none() | days),
        ends_at=draw(st.none() | days),
        ended_at=ended,
        changed_at=draw(st.none() | days),
        plan_key=draw(st.sampled_from(["reader-monthly", "patron-yearly"])),
        mrr_720=draw(st.sampled_from([0, 360_000, 720_000])),
        end_cause=draw(st.sampled_from(["reader", "payment", "staff"])) if ended else None,
    )
