"""The history that reports read: half-open intervals of one state of one source.

A snapshot says what is true now and since when; these rules say which rows of history that closes and opens. What
was believed and turned out otherwise is superseded, never overwritten, so that a report can be run as it was known.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from membership.domain.standing import NEVER_BEGAN, Snapshot

REPLACED = "replaced"  # the end of a row that another follows without a gap
_CLASS = {"grant": "comp", "gift": "gift", "group": "seat"}


@dataclass(frozen=True, slots=True)
class Interval:
    """One state of one source from ``effective_at`` until just before ``until`` (None: still so)."""

    effective_at: datetime
    until: datetime | None
    klass: str
    state: str
    plan_key: str | None
    price_interval: str | None
    mrr_720: int
    currency: str | None
    notice_at: datetime | None = None
    end_cause: str | None = None
    row_id: int | None = None

    def facts(self) -> tuple[object, ...]:
        """What makes it a different state (not when it begins or ends)."""
        return (self.klass, self.state, self.plan_key, self.price_interval, self.mrr_720, self.currency)


@dataclass(frozen=True, slots=True)
class Change:
    """What to do to the rows of one source: rows to end, rows to supersede, rows to add."""

    end: tuple[Interval, ...] = ()
    supersede: tuple[Interval, ...] = ()
    add: tuple[Interval, ...] = ()


def state_of(snapshot: Snapshot) -> tuple[str, str] | None:
    """(class, state) of a snapshot that is in force, None for one that ended or never began."""
    if snapshot.ended_at is not None or snapshot.status in NEVER_BEGAN or snapshot.status in ("canceled", "unpaid"):
        return None
    klass = _CLASS.get(snapshot.kind, "paying" if snapshot.mrr_720 > 0 else "comp")
    if snapshot.status == "trialing":
        return "trial", "trial"
    if snapshot.status == "paused":
        return klass, "paused"
    if snapshot.status == "past_due":
        return klass, "past_due"
    return klass, "ending" if snapshot.ends_at is not None and snapshot.kind == "subscription" else "active"


def planned_end(snapshot: Snapshot, grace: timedelta) -> tuple[datetime | None, str | None]:
    """When the present state will end by itself, and why: a scheduled end, or the end of the grace."""
    if snapshot.ends_at is not None:
        return snapshot.ends_at, snapshot.end_cause or ("reader" if snapshot.kind == "subscription" else "staff")
    if snapshot.status == "past_due" and snapshot.paid_until is not None:
        return snapshot.paid_until + grace, "payment"
    return None, None


def follow(history: list[Interval], snapshot: Snapshot, grace: timedelta) -> Change:
    """How ``history`` (the source's rows in force, oldest first) must change to agree with ``snapshot``."""
    found = state_of(snapshot)
    if found is None:
        return _ended(history, snapshot)
    until, cause = planned_end(snapshot, grace)
    wrong = tuple(row for row in history if until is not None and row.effective_at >= until)
    if wrong:
        # It was to end before these began (we looked late): they never were.
        change = follow(history[: -len(wrong)], snapshot, grace)
        return replace(change, supersede=(*change.supersede, *wrong))
    since = snapshot.changed_at or snapshot.started_at
    if not history:
        since = min(since, snapshot.started_at) if found[1] in ("trial", "active") else since
    new = Interval(
        since, until, *found, snapshot.plan_key, snapshot.price_interval, snapshot.mrr_720, snapshot.currency, snapshot.notice_at, cause
    )
    if until is not None and until <= new.effective_at:
        return _ended(history, replace_end(snapshot, until, cause))
    if not history and snapshot.started_at < since:
        # We looked late: before what is so now (notice given, past due) it went on as it began.
        before = replace(new, effective_at=snapshot.started_at, until=since, state="active", notice_at=None, end_cause=REPLACED)
        return Change(add=(before, new))
    return _replaced(history, new)


def replace_end(snapshot: Snapshot, at: datetime, cause: str | None) -> Snapshot:
    """The snapshot as one that ended at ``at``."""
    return replace(snapshot, ended_at=at, end_cause=cause)


def _ended(history: list[Interval], snapshot: Snapshot) -> Change:
    """Close at ``ended_at``; a grace or a scheduled end that came first stays the end."""
    if not history:
        return Change()
    at = snapshot.ended_at or snapshot.changed_at or snapshot.observed_at
    cause = snapshot.end_cause or "staff"
    beyond = tuple(row for row in history if row.effective_at >= at)
    before = [row for row in history if row.effective_at < at]
    if not before:
        return Change(supersede=beyond)
    last = before[-1]
    if last.until is not None and last.until <= at and last.end_cause not in (None, REPLACED):
        return Change(supersede=beyond)  # lost before Stripe gave up (its grace was over): by then whose doing it was had been settled
    end = at if last.until is None or last.until > at else last.until
    final = replace(last, until=end, end_cause=_final_cause(last, cause))
    return Change(end=(final,) if final != last else (), supersede=beyond)


def _final_cause(last: Interval, cause: str) -> str:
    # Notice given before the terminal event makes the loss the reader's own act (reports.md §2).
    return "reader" if last.state == "ending" and cause == "payment" else cause


def _replaced(history: list[Interval], new: Interval) -> Change:
    if not history:
        return Change(add=(new,))
    last = history[-1]
    if last.facts() == new.facts() and not _gap(last, new):
        same = replace(last, until=new.until, end_cause=new.end_cause, notice_at=last.notice_at or new.notice_at)
        return Change(end=(same,) if same != last else ())
    since = max(new.effective_at, last.effective_at)
    if since == last.effective_at:
        # Both began at the same instant as far as anybody knows: the newer belief replaces the older.
        return Change(supersede=(last,), add=(replace(new, effective_at=since),))
    if _gap(last, new):
        return Change(add=(replace(new, effective_at=since),))
    return Change(end=(replace(last, until=since, end_cause=REPLACED),), add=(replace(new, effective_at=since),))


def _gap(last: Interval, new: Interval) -> bool:
    """Had the last state already run out before this one began (a grace that ended, then a late payment)?"""
    return last.until is not None and last.until < new.effective_at
