"""A track: the history of one subscription as it is being lived, and what is left of it as of now."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from demo.records import Billing, Source, Stretch
from membership.domain import rates
from membership.domain.standing import Snapshot
from payments.domain import plans

PLAN_KEYS = {(plan.level, plan.interval): plan.key for plan in plans.defaults()}
# Stripe's words for whose doing an end was.
CANCEL_REASONS = {"reader": "cancellation_requested", "payment": "payment_failed"}
# A webhook takes a few seconds.
LAG = timedelta(seconds=5)


@dataclass(frozen=True)
class Terms:
    """What is paid: level, interval, minor units a period, currency."""

    level: str
    interval: str
    amount: int
    currency: str

    @property
    def plan_key(self) -> str:
        return PLAN_KEYS[self.level, self.interval]

    @property
    def mrr_720(self) -> int:
        return rates.mrr_720(self.amount, 1, self.interval, 1)


@dataclass
class Track:
    """Rows are opened and closed in order of time, so no two of one source can overlap."""

    person: int
    id: str
    customer_id: str
    terms: Terms
    started_at: datetime
    status: str = "active"
    period_start: datetime | None = None
    period_end: datetime | None = None
    trial_end: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    notice_at: datetime | None = None
    end_cause: str | None = None
    reason: str | None = None
    rows: list[Stretch] = field(default_factory=list)

    def enter(self, state: str, at: datetime, *, until: datetime | None = None, cause: str | None = None) -> None:
        """A new state from ``at`` on; ``until`` and ``cause`` where its end is known in advance (a notice, a grace, a pause)."""
        assert not self.rows or at >= self.rows[-1].effective_at, "a life is lived forwards"
        self.close(at, "replaced")
        klass = "trial" if state == "trial" else "paying"
        terms = self.terms
        self.rows.append(
            Stretch(
                at,
                until,
                klass,
                state,
                terms.plan_key,
                terms.interval,
                terms.mrr_720,
                terms.currency,
                at + LAG,
                notice_at=self.notice_at,
                end_cause=cause,
                until_recorded_at=at + LAG if until else None,
            )
        )

    def close(self, at: datetime, cause: str) -> None:
        """End what is open at ``at``; a row that ran out before keeps its own end."""
        if self.rows and (self.rows[-1].until is None or self.rows[-1].until > at):
            last = self.rows[-1]
            last.until, last.end_cause, last.until_recorded_at = at, cause, at + LAG

    def end(self, at: datetime, cause: str) -> None:
        """The subscription is over."""
        self.close(at, cause)
        self.status, self.ended_at, self.end_cause = "canceled", at, cause

    def source(self, now: datetime) -> Source:
        """History and newest snapshot, as of ``now``."""
        unpaid = self.status == "past_due"
        changed = self.ended_at or (self.rows[-1].effective_at if self.rows else self.started_at)
        snapshot = Snapshot(
            kind="subscription",
            source_id=self.id,
            status=self.status,
            started_at=self.started_at,
            observed_at=min(now, changed + LAG),
            paid_until=self.period_start if unpaid else self.period_end,
            ends_at=self.ends_at,
            ended_at=self.ended_at,
            changed_at=changed,
            notice_at=self.notice_at,
            plan_key=self.terms.plan_key,
            price_interval=self.terms.interval,
            mrr_720=self.terms.mrr_720,
            currency=self.terms.currency,
            end_cause=self.end_cause,
        )
        billing = Billing(
            self.id,
            self.customer_id,
            "subscription",
            self.status,
            self.terms.plan_key,
            self.terms.amount,
            self.terms.currency,
            self.terms.interval,
            self.started_at,
            self.period_start,
            self.period_end,
            self.trial_end,
            self.ends_at,
            self.notice_at or self.ended_at,
            self.ended_at,
            CANCEL_REASONS.get(self.end_cause or ("reader" if self.ends_at else "")),
            feedback=self.reason,
        )
        # Two things within one second leave nothing between them.
        rows = [row for row in self.rows if row.until is None or row.until > row.effective_at]
        return Source(self.person, snapshot, rows, billing)

    def reprice(self, **changes: Any) -> bool:
        """New terms; says whether anything changed."""
        before, self.terms = self.terms, replace(self.terms, **changes)
        return self.terms != before
