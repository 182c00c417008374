"""Where a reader stands, derived from the set of the newest snapshots of everything that lets her read.

Never from the last event: she cancels, comes back, and the late deletion of the old Subscription must not take away
the new one. Order and repetition do not matter because there is no order in a set.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from membership.domain import grace as graces
from membership.domain.grace import Grace

SourceKind = Literal["subscription", "grant", "gift", "group"]
Status = Literal["none", "trialing", "active", "past_due", "ending", "paused", "lapsed"]

# Statuses of Stripe's Subscription that open the gate while their time lasts; all others keep it shut.
OPENING = frozenset({"trialing", "active", "past_due"})
NEVER_BEGAN = frozenset({"incomplete", "incomplete_expired"})
TERMINAL = frozenset({"canceled", "incomplete_expired"})

# How a reader's state reads when several sources speak at once: the best one names it.
_RANK = {"active": 0, "trialing": 1, "ending": 2, "past_due": 3, "paused": 4, "lapsed": 5}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The newest known state of one source, in Stripe's words whatever the source.

    ``paid_until`` is the end of the last period that was paid (for past_due: where the unpaid one began), ``trial_end``
    the end of a trial that it has or had, ``ends_at`` the instant at which it is scheduled to end, ``ended_at`` the one at which it did. ``changed_at`` is when the
    present facts came into force, ``observed_at`` when we looked: the newest look counts. ``mrr_720`` is the monthly
    amount in 1/720 of a minor unit (see rates.py).
    """

    kind: SourceKind
    source_id: str
    status: str
    started_at: datetime
    observed_at: datetime
    paid_until: datetime | None = None
    ends_at: datetime | None = None
    ended_at: datetime | None = None
    changed_at: datetime | None = None
    notice_at: datetime | None = None
    plan_key: str | None = None
    price_interval: str | None = None
    mrr_720: int = 0
    currency: str | None = None
    end_cause: str | None = None
    trial_end: datetime | None = None

    @property
    def began_at(self) -> datetime:
        """A Subscription that we have seen has begun, though Stripe's clock may be ahead of ours; a gift may wait."""
        return min(self.started_at, self.observed_at) if self.kind == "subscription" and not self.follows_a_gift else self.started_at

    @property
    def follows_a_gift(self) -> bool:
        """Does this Subscription begin when a gift's unused days are over? Stripe calls the time until then its trial."""
        return self.trial_end is not None and self.trial_end == self.started_at


@dataclass(frozen=True, slots=True)
class Window:
    """A source's access: the gate is open from ``start`` until just before ``end``."""

    start: datetime
    end: datetime
    paid_until: datetime
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class Standing:
    """What follows from all sources together. Ask it with the predicates below, always at an instant."""

    windows: tuple[Window, ...] = ()
    snapshots: tuple[Snapshot, ...] = ()


def newest(snapshots: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """One snapshot a source: the newest look, except that what ended stays ended."""
    latest: dict[tuple[str, str], Snapshot] = {}
    for snapshot in snapshots:
        key = (snapshot.kind, snapshot.source_id)
        known = latest.get(key)
        if known is None or _supersedes(snapshot, known):
            latest[key] = snapshot
    return tuple(latest[key] for key in sorted(latest))


def _supersedes(new: Snapshot, known: Snapshot) -> bool:
    terminal = known.status in TERMINAL, new.status in TERMINAL
    if terminal[0] != terminal[1]:
        return terminal[1]
    # The tie-break on the whole value only makes the choice independent of order.
    return (new.observed_at, repr(new)) > (known.observed_at, repr(known))


def window(snapshot: Snapshot, grace: Grace | timedelta) -> Window | None:
    """When this source opens the gate, or None.

    A source that renews keeps it open for ``grace`` past what is paid: a renewal's webhook may be late, and a card
    that failed gets time to be replaced. One that is scheduled to end closes to the second.
    """
    if snapshot.status not in OPENING or snapshot.paid_until is None:
        return None
    limits = [graces.ends(snapshot.paid_until, grace), snapshot.ends_at, snapshot.ended_at]
    end = min(limit for limit in limits if limit is not None)
    start = snapshot.began_at
    if end <= start:
        return None
    return Window(start, end, min(snapshot.paid_until, end), snapshot)


def derive(snapshots: Iterable[Snapshot], grace: Grace | timedelta) -> Standing:
    """The standing of a reader with these sources; a pure function of the set."""
    kept = newest(snapshots)
    windows = [found for snapshot in kept if (found := window(snapshot, grace))]
    return Standing(tuple(sorted(windows, key=lambda w: (w.start, w.end, w.snapshot.source_id))), kept)


def _open(standing: Standing, at: datetime) -> list[Window]:
    return [w for w in standing.windows if w.start <= at < w.end]


def is_entitled(standing: Standing, at: datetime) -> bool:
    """May she read what members read, at this instant? Never beyond ``paid_until + grace`` of any source."""
    return bool(_open(standing, at))


def on_grace_period(standing: Standing, at: datetime) -> bool:
    """Is the gate open only because of the grace: nothing is paid for this instant any more?"""
    return is_entitled(standing, at) and all(at >= w.paid_until for w in _open(standing, at))


def is_ending(standing: Standing, at: datetime) -> bool:
    """Is every source that opens the gate now scheduled to end, with none to follow it?"""
    opened = _open(standing, at)
    return bool(opened) and all(w.snapshot.ends_at is not None for w in opened) and access_until(standing, at) == max(w.end for w in opened)


def access_until(standing: Standing, at: datetime) -> datetime | None:
    """Until when the gate stays open without a gap, counted from ``at``; None when it is shut."""
    reach: datetime | None = None
    for w in standing.windows:
        if w.start <= at < w.end:
            reach = w.end if reach is None else max(reach, w.end)
    changed = reach is not None
    while changed and reach is not None:
        following = [w.end for w in standing.windows if w.start <= reach < w.end]
        changed = bool(following)
        reach = max([reach, *following])
    return reach


def given_until(standing: Standing, at: datetime) -> datetime | None:
    """Until when gifts alone keep the gate open, without a gap from ``at``; None when no gift does. Her unused days."""
    gifts = Standing(tuple(w for w in standing.windows if w.snapshot.kind == "gift"))
    return access_until(gifts, at)


def waiting(standing: Standing, at: datetime) -> Snapshot | None:
    """A Subscription of hers that begins (and is first charged) when a gift's days are over."""
    return next((s for s in standing.snapshots if s.follows_a_gift and s.status == "trialing" and s.started_at > at), None)


def opens_next(standing: Standing, at: datetime) -> datetime | None:
    """When a source that has not begun will open the gate (a gift to come); None if there is none."""
    return min((w.start for w in standing.windows if w.start > at), default=None)


def row_holds_until(standing: Standing, at: datetime) -> datetime | None:
    """When a row that holds one stretch of access, derived at ``at``, must be derived anew; None when nothing is to come.

    When something that waited begins; and before that, where a gap lies between, when the present stretch is over: so the
    next one stands in the row before it begins.
    """
    coming, until = opens_next(standing, at), access_until(standing, at)
    return coming if coming is None or until is None else min(coming, until)


def _status_of(snapshot: Snapshot, at: datetime, opened: bool) -> Status:
    if not opened:
        return "paused" if snapshot.status == "paused" else "lapsed"
    if snapshot.status == "past_due":
        return "past_due"
    if snapshot.kind == "subscription" and snapshot.ends_at is not None:
        return "ending"
    return "trialing" if snapshot.status == "trialing" else "active"


def status(standing: Standing, at: datetime) -> Status:
    """One word for the reader's standing; of several sources the best one names it."""
    opened = {id(w.snapshot) for w in _open(standing, at)}
    words = [
        _status_of(snapshot, at, id(snapshot) in opened)
        for snapshot in standing.snapshots
        if snapshot.status not in NEVER_BEGAN and (snapshot.began_at <= at or id(snapshot) in opened)
    ]
    return min(words, key=lambda word: _RANK[word], default="none")


def leading(standing: Standing, at: datetime) -> Snapshot | None:
    """The source that names the standing: the open one that reaches furthest, else the one that ended last."""
    opened = _open(standing, at)
    if opened:
        return max(opened, key=lambda w: (-_RANK[_status_of(w.snapshot, at, True)], w.end, w.snapshot.source_id)).snapshot
    past = [s for s in standing.snapshots if s.status not in NEVER_BEGAN]
    return max(
        past, key=lambda s: (s.status == "paused", s.ended_at or s.ends_at or s.paid_until or s.started_at, s.source_id), default=None
    )
