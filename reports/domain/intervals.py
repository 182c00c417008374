"""What one interval of one membership means to the reports: does it pay, is it paused, how did it end?

A paying member at instant t: class paying, an amount above zero, and active, ending (notice
given, paid up to the end) or past due within grace. `until` is the end of grace, so being
covered by the interval is being within it. Trials, complimentary memberships, gifts, seats
and pools are shown beside the paying members, never among them.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

PAYING_STATES = frozenset({"active", "ending", "past_due"})
# A pause for which nobody named an end is, after this long, a reader who has left.
OPEN_PAUSE = timedelta(days=90)
REPLACED = "replaced"


class Interval(NamedTuple):
    """One row of membership intervals, `[effective_at, until)`; mrr_720 is 1/720 of a minor unit a month."""

    account_id: object
    source_kind: str
    source_id: object
    effective_at: datetime
    until: datetime | None
    klass: str
    state: str
    mrr_720: int
    currency: str
    end_cause: str | None
    notice_at: datetime | None
    until_recorded_at: datetime | None

    @property
    def source(self) -> tuple[str, object]:
        return self.source_kind, self.source_id

    @property
    def pays(self) -> bool:
        return self.klass == "paying" and self.mrr_720 > 0 and self.state in PAYING_STATES

    @property
    def paused(self) -> bool:
        return self.klass == "paying" and self.state == "paused"

    def covers(self, at: datetime) -> bool:
        return self.effective_at <= at and (self.until is None or at < self.until)


def bounded(row: Interval) -> Interval:
    """The interval with an open pause cut at 90 days; every other one as it is.

    An end that was written down before it came was named in advance (Stripe's `resumes_at`):
    such a pause lasts as long as it was meant to. Cut here, and nowhere else, so that all
    of the arithmetic sees plain half-open intervals.
    """
    if not row.paused:
        return row
    named = row.until is not None and row.until_recorded_at is not None and row.until_recorded_at < row.until
    limit = row.effective_at + OPEN_PAUSE
    if named or (row.until is not None and row.until <= limit):
        return row
    return row._replace(until=limit, end_cause=None)


def history_of(rows: Iterable[Interval]) -> list[Interval]:
    """One person's rows made ready for the rules: pauses bounded, in order of time."""
    # A row may be as short as nothing (two changes in the same second): it covers no instant
    # and stays, because the cause of its end may be the cause of the loss.
    return sorted(map(bounded, rows), key=lambda row: (row.effective_at, row.until is None, row.until or row.effective_at))


def is_member(history: Sequence[Interval], at: datetime) -> bool:
    """Whether the person is a paying member at the instant."""
    return any(row.pays and row.covers(at) for row in history)


def is_paused(history: Sequence[Interval], at: datetime) -> bool:
    """Whether the person is in the second stock: paused, and not paying by another source."""
    return any(row.paused and row.covers(at) for row in history) and not is_member(history, at)


def mrr_at(history: Sequence[Interval], at: datetime) -> Mapping[str, int]:
    """MRR of the person at the instant, in 1/720 minor units, by currency; currencies without any are left out."""
    found: dict[str, int] = {}
    for row in history:
        if row.pays and row.covers(at):
            found[row.currency] = found.get(row.currency, 0) + row.mrr_720
    return found
