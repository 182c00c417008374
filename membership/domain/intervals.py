"""The history that reports read: half-open intervals of one state of one source.

A snapshot says what is true now and since when; these rules say which rows of history that closes and opens. What
was believed and turned out otherwise is superseded, never overwritten, so that a report can be run as it was known.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from membership.domain import grace as graces
from membership.domain.grace import Grace
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
    """(class, state) of a snapshot that is in force, None for one that ended, never began, or waits for a gift's end."""
    if snapshot.ended_at is not None or snapshot.status in NEVER_BEGAN or snapshot.status in ("canceled", "unpaid"):
        return None
    if _waits(snapshot):
        return None
    klass = _CLASS.get(snapshot.kind, "paying" if snapshot.mrr_720 > 0 else "comp")
    if snapshot.status == "trialing":
        return "trial", "trial"
    if snapshot.status in ("paused", "past_due") and _only_tried(snapshot):
        klass = "trial"
    if snapshot.status == "paused":
        return klass, "paused"
    if snapshot.status == "past_due":
        return klass, "past_due"
    return klass, "ending" if snapshot.ends_at is not None and snapshot.kind == "subscription" else "active"


def _waits(snapshot: Snapshot) -> bool:
    # The gift counts until then: one person is one member.
    return snapshot.status == "trialing" and snapshot.follows_a_gift


def _only_tried(snapshot: Snapshot) -> bool:
    # Nothing was paid after the trial: who is lost then was never a paying member.
    return snapshot.trial_end is not None and snapshot.paid_until is not None and snapshot.paid_until <= snapshot.trial_end


def planned_end(snapshot: Snapshot, grace: Grace | timedelta) -> tuple[datetime | None, str | None]:
    """When the present state will end by itself, and why: a scheduled end, or the end of the grace."""
    if snapshot.ends_at is not None:
        return snapshot.ends_at, snapshot.end_cause or ("reader" if snapshot.kind == "subscription" else "staff")
    if snapshot.status == "past_due" and snapshot.paid_until is not None:
        return graces.ends(snapshot.paid_until, grace), "payment"
    return None, None


def follow(history: list[Interval], snapshot: Snapshot, grace: Grace | timedelta) -> Change:
    """How ``history`` (the source's rows in force, oldest first) must change to agree with ``snapshot``."""
    rows = list(history)
    for seen in _steps(rows, snapshot):
        rows = _step(rows, seen, grace)
    return _difference(history, rows)


# --- what must have happened before this look -------------------------------------------------------------------------


def _steps(rows: list[Interval], snapshot: Snapshot) -> list[Snapshot]:
    """The looks that we missed, as far as this one tells of them, oldest first, and it: a first look comes late, or never came."""
    steps, last = [], rows[-1] if rows else None
    state, since = (last.state, last.effective_at) if last is not None else ("", snapshot.started_at)
    if last is None and _tells_of_its_life(snapshot):
        began = _at(snapshot, snapshot.started_at, status="trialing" if _tried(snapshot) else "active")
        state = "trial" if began.status == "trialing" else "active"
        steps.append(began)
    until = snapshot.ended_at or snapshot.observed_at
    trial_end, paid_until = snapshot.trial_end, snapshot.paid_until
    over = trial_end is not None and paid_until is not None and trial_end < min(paid_until, until) and snapshot.status != "trialing"
    if state == "trial" and trial_end is not None and over:
        steps.append(_at(snapshot, trial_end, status="active"))
        state, since = "active", trial_end
    if snapshot.ended_at is not None or snapshot.status == "unpaid":
        steps += _last_days(snapshot, state, since, until)
    return [*steps, snapshot]


def _last_days(snapshot: Snapshot, state: str, since: datetime, until: datetime) -> list[Snapshot]:
    """How it came to an end that we first hear of now: notice was given, or a period was not paid."""
    notice, paid = snapshot.notice_at, snapshot.paid_until
    if state in ("trial", "active") and notice is not None and since < notice < until:
        status = "trialing" if state == "trial" else "active"
        return [replace(_at(snapshot, notice, status=status), ends_at=until, notice_at=notice, end_cause=snapshot.end_cause)]
    tried = state == "trial" and snapshot.trial_end is not None and since < snapshot.trial_end == paid
    if (state == "active" or tried) and snapshot.end_cause == "payment" and paid is not None and since <= paid < until:
        return [replace(_at(snapshot, paid, status="past_due"), paid_until=paid)]
    return []


def _tells_of_its_life(snapshot: Snapshot) -> bool:
    """Did it begin, and let somebody read? (Not a Price that is none of ours, nor a first payment that never came.)"""
    if _waits(snapshot) or snapshot.status in NEVER_BEGAN or (snapshot.ended_at is not None and snapshot.ended_at <= snapshot.started_at):
        return False
    return state_of(snapshot) is not None or snapshot.paid_until is not None


def _tried(snapshot: Snapshot) -> bool:
    return snapshot.status == "trialing" or (snapshot.trial_end is not None and snapshot.trial_end > snapshot.started_at)


def _at(snapshot: Snapshot, since: datetime, *, status: str) -> Snapshot:
    """The snapshot as it would have been at ``since``, before anything was said of an end."""
    return replace(snapshot, status=status, changed_at=since, ends_at=None, ended_at=None, notice_at=None, end_cause=None)


# --- one look ---------------------------------------------------------------------------------------------------------


def _step(rows: list[Interval], snapshot: Snapshot, grace: Grace | timedelta) -> list[Interval]:
    found = state_of(snapshot)
    if found is None:
        return _ended(rows, snapshot)
    until, cause = planned_end(snapshot, grace)
    # It was to end before these began (we looked late): they never were.
    rows = [row for row in rows if until is None or row.effective_at < until]
    since = snapshot.changed_at or snapshot.started_at
    if not rows:
        since = min(since, snapshot.started_at) if found[1] in ("trial", "active") else since
    klass, state = found
    if klass == "paying" and state in ("past_due", "paused") and _was_free(rows, since):
        klass = "comp"  # her free time is over and nothing was paid yet: no paying member comes, so none is lost
    new = Interval(
        since,
        until,
        klass,
        state,
        snapshot.plan_key,
        snapshot.price_interval,
        snapshot.mrr_720,
        snapshot.currency,
        snapshot.notice_at,
        cause,
    )
    if until is not None and until <= new.effective_at:
        return _ended(rows, replace(snapshot, ended_at=until, end_cause=cause))
    return _replaced(rows, new)


def _was_free(rows: list[Interval], since: datetime) -> bool:
    """Did it cost nothing (a discount of all of it) right up to ``since``?"""
    before = [row for row in rows if row.effective_at < since]
    return bool(before) and before[-1].klass == "comp" and (before[-1].until is None or before[-1].until >= since)


def _ended(rows: list[Interval], snapshot: Snapshot) -> list[Interval]:
    """Close at ``ended_at``; a grace or a scheduled end that came first stays the end."""
    at = snapshot.ended_at or snapshot.changed_at or snapshot.observed_at
    before = [row for row in rows if row.effective_at < at]
    if not before:
        return []
    last = before[-1]
    if last.until is not None and last.until <= at and last.end_cause not in (None, REPLACED):
        return before  # lost before Stripe gave up (its grace was over): by then whose doing it was had been settled
    end = at if last.until is None or last.until > at else last.until
    return [*before[:-1], replace(last, until=end, end_cause=_final_cause(last, snapshot.end_cause or "staff"))]


def _final_cause(last: Interval, cause: str) -> str:
    # Notice given before the terminal event makes the loss the reader's own act (reports.md §2).
    return "reader" if last.state == "ending" and cause == "payment" else cause


def _replaced(rows: list[Interval], new: Interval) -> list[Interval]:
    if not rows:
        return [new]
    before, last = rows[:-1], rows[-1]
    if last.facts() == new.facts() and not _gap(last, new):
        return [*before, replace(last, until=new.until, end_cause=new.end_cause, notice_at=last.notice_at or new.notice_at)]
    new = replace(new, effective_at=max(new.effective_at, last.effective_at))
    if new.effective_at == last.effective_at:
        return [*before, new]  # both began at the same instant as far as anybody knows: the newer belief replaces the older
    if _gap(last, new):
        return [*rows, new]
    return [*before, replace(last, until=new.effective_at, end_cause=REPLACED), new]


def _gap(last: Interval, new: Interval) -> bool:
    """Had the last state already run out before this one began (a grace that ended, then a late payment)?"""
    return last.until is not None and last.until < new.effective_at


def _difference(history: list[Interval], rows: list[Interval]) -> Change:
    """What makes ``history`` into ``rows``; a row that is new carries no ``row_id``."""
    known = {row.row_id: row for row in history}
    kept = {row.row_id for row in rows}
    return Change(
        end=tuple(row for row in rows if row.row_id is not None and row != known[row.row_id]),
        supersede=tuple(row for row in history if row.row_id not in kept),
        add=tuple(row for row in rows if row.row_id is None),
    )
