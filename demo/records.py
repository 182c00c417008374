"""What the simulation hands over: plain values, in the words of the tables they will fill. No database here."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from membership.domain.standing import Snapshot


@dataclass(slots=True)
class Person:
    """Somebody with an account; ``number`` is her place in the world, from 0."""

    number: int
    name: str
    email: str
    created_at: datetime
    newsletter: bool = False

    @property
    def customer_id(self) -> str:
        return f"cus_demo_{self.number:06d}"


@dataclass(slots=True)
class Stretch:
    """One row of membership history, half-open: [effective_at, until). ``mrr_720`` in 1/720 of a minor unit a month."""

    effective_at: datetime
    until: datetime | None
    klass: str
    state: str
    plan_key: str | None
    price_interval: str | None
    mrr_720: int
    currency: str | None
    recorded_at: datetime
    notice_at: datetime | None = None
    end_cause: str | None = None
    until_recorded_at: datetime | None = None

    @property
    def pays(self) -> bool:
        """Does it make a paying member, as the reports define one?"""
        return self.klass == "paying" and self.mrr_720 > 0 and self.state in ("active", "ending", "past_due")

    def covers(self, at: datetime) -> bool:
        return self.effective_at <= at and (self.until is None or at < self.until)


@dataclass(slots=True)
class Billing:
    """What Stripe's Subscription would say of itself now; ``amount`` in minor units a period."""

    id: str
    customer_id: str
    purpose: str
    status: str
    plan_key: str | None
    amount: int
    currency: str
    interval: str
    started_at: datetime
    period_start: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    ends_at: datetime | None = None
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    cancel_reason: str | None = None
    # What the reader said when she left, in Stripe's words for it; the mirror has no column for it yet.
    feedback: str | None = None


@dataclass(slots=True)
class Source:
    """One thing that lets a person read: its history and its newest snapshot."""

    person: int
    snapshot: Snapshot
    stretches: list[Stretch]
    billing: Billing | None = None


@dataclass(slots=True)
class Entry:
    """One movement of money, signed, in minor units; ``source_id`` with ``kind`` names the fact."""

    source_id: str
    kind: str
    purpose: str
    amount: int
    currency: str
    occurred_at: datetime
    recorded_at: datetime
    charge_id: str
    customer_id: str
    subscription_id: str | None = None
    invoice_id: str | None = None
    person: int | None = None
    contribution: int | None = None


@dataclass(slots=True)
class Given:
    """A contribution; ``person`` None is a guest. Amounts in minor units, charged is amount + fee_cover."""

    number: int
    person: int | None
    customer_id: str
    email: str
    name: str
    frequency: str
    amount: int
    fee_cover: int
    currency: str
    message: str
    anonymous: bool
    status: str
    created_at: datetime
    paid_at: datetime | None
    refunded: int = 0
    subscription_id: str | None = None


@dataclass
class World:
    """Everything that happened up to ``now``."""

    start: datetime
    now: datetime
    people: list[Person] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    contributions: list[Given] = field(default_factory=list)
    contribution_billings: list[Billing] = field(default_factory=list)

    def paying_at(self, at: datetime) -> set[int]:
        """The numbers of the people who are paying members at an instant."""
        return {source.person for source in self.sources for row in source.stretches if row.pays and row.covers(at)}
