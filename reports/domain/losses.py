"""Why a member was lost: by her own act, by a failed payment, or by administration.

    cause of the end                    | no notice     | notice given before
    reader                              | voluntary     | voluntary
    payment, fraud, dispute             | involuntary   | voluntary
    staff (refund and remove)           | administrative| voluntary
    merge, migration, death, comp, dup. | administrative| administrative

Any explicit act of leaving by the reader makes the loss voluntary; when that act fell while a
payment was failing, the loss has its own line ("gave notice while past due"), because calling it
involuntary would over-state failed cards and calling it a plain cancellation would hide them.
An end whose cause nobody wrote down is read off the state it ended in: ending, she had given
notice; past due, the money failed; otherwise it is administrative, cause `unknown`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from reports.domain.intervals import REPLACED, Interval

VOLUNTARY, INVOLUNTARY, ADMINISTRATIVE = "voluntary", "involuntary", "administrative"

INVOLUNTARY_CAUSES = frozenset({"payment", "fraud", "dispute"})
# What happened to the record or to the person, not to her wish to read.
NEVER_A_CHOICE = frozenset({"merge", "migration", "death", "comp", "duplicate"})
# Merged and migrated people are still readers: they are listed as lost, and are no churn.
NOT_CHURN = frozenset({"merge", "migration"})


class Loss(NamedTuple):
    """How a membership ended: kind (one of three), the cause behind it, and whether notice fell while past due."""

    kind: str
    cause: str
    while_past_due: bool
    at: datetime

    @property
    def is_churn(self) -> bool:
        return self.cause not in NOT_CHURN


def last_loss(history: Sequence[Interval], after: datetime | None, through: datetime) -> Loss | None:
    """The last end of a paying or paused interval in (after, through], or None when nothing ended there.

    Zero-length rows count: a row that was opened and closed in the same second can carry the cause.
    """
    ended = [
        row
        for row in history
        if (row.pays or row.paused) and row.until is not None and row.until <= through and (after is None or row.until > after)
    ]
    if not ended:
        return None
    # At the same instant the row that says why outweighs the one that says "see the next row".
    return loss_by(max(ended, key=lambda row: (row.until, row.end_cause != REPLACED, row.effective_at)), history)


def loss_by(row: Interval, history: Sequence[Interval]) -> Loss:
    """The loss that the end of `row` amounts to, by the table above."""
    assert row.until is not None
    cause = _cause(row, history)
    past_due = _notice_while_past_due(row, cause, history)
    if cause in NEVER_A_CHOICE:
        return Loss(ADMINISTRATIVE, cause, False, row.until)
    if cause == "reader" or row.notice_at is not None:
        return Loss(VOLUNTARY, cause, past_due, row.until)
    if cause in INVOLUNTARY_CAUSES:
        return Loss(INVOLUNTARY, cause, False, row.until)
    return Loss(ADMINISTRATIVE, cause, False, row.until)


def _cause(row: Interval, history: Sequence[Interval]) -> str:
    if row.end_cause == REPLACED:
        successor = _successor(row, history)
        if successor is not None and successor.state == "ended":
            return successor.end_cause or _read_off(row)
        if successor is not None and not (successor.pays or successor.paused):
            return "comp"  # she goes on reading without paying: converted, not gone
    if row.end_cause and row.end_cause != REPLACED:
        return row.end_cause
    return _read_off(row)


def _read_off(row: Interval) -> str:
    return {"ending": "reader", "past_due": "payment", "paused": "reader"}.get(row.state, "unknown")


def _successor(row: Interval, history: Sequence[Interval]) -> Interval | None:
    following = [other for other in history if other.source == row.source and other.effective_at == row.until]
    return next((other for other in following if other is not row), None)


def _notice_while_past_due(row: Interval, cause: str, history: Sequence[Interval]) -> bool:
    """Whether the reader's act of leaving fell while the source was past due.

    The row in force when notice came is usually closed at that very instant, so its end is included.
    """
    act = row.notice_at or (row.until if cause == "reader" else None)
    return act is not None and any(
        other.source == row.source
        and other.state == "past_due"
        and other.effective_at <= act
        and (other.until is None or act <= other.until)
        for other in history
    )
