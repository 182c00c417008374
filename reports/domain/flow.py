"""The member flow: who came, who went, and in which month, so that opening + flows = closing.

P(t) are the paying members at t, Z(t) the paused. For the month [a, b) a person's move is read off
where she stands at a and at b, never off events, so nothing can be counted twice:

    at a \\ at b |  P                            |  Z                  |  neither
    P           |  stayed                       |  paused             |  lost (three kinds)
    Z           |  resumed                      |  -                  |  lost from pause
    neither     |  new, or reactivated if she   |  paused on arrival  |  -
                |  ever paid before a           |                     |

In and out: paying at some instant inside the month but at neither end; a line of its own (adding
it to both joined and lost changes no net). What happens at the very instant b, the next month's
first, belongs to the month it ends: it is the state at b that changed.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from reports.domain.intervals import Interval, is_paused, mrr_at
from reports.domain.losses import INVOLUNTARY, Loss, last_loss

# Back within this after a failed payment: the card was mended late, the spell runs on.
WIN_BACK = timedelta(days=30)


class Kind(StrEnum):
    """What a person did in a month. The values are the names in addresses, JSON and CSV."""

    NEW = "new"
    REACTIVATED = "reactivated"
    RESUMED = "resumed"
    LOST_VOLUNTARY = "lost_voluntary"
    LOST_INVOLUNTARY = "lost_involuntary"
    LOST_ADMINISTRATIVE = "lost_administrative"
    PAUSED = "paused"
    IN_AND_OUT = "in_and_out"
    PAUSED_ON_ARRIVAL = "paused_on_arrival"
    LOST_FROM_PAUSE = "lost_from_pause"
    STAYED = "stayed"  # moved no person, but perhaps money


JOINED = (Kind.NEW, Kind.REACTIVATED, Kind.RESUMED)
LOST = (Kind.LOST_VOLUNTARY, Kind.LOST_INVOLUNTARY, Kind.LOST_ADMINISTRATIVE)


class Move(NamedTuple):
    """One person's move in month number `month` of the range, with her MRR (1/720 minor units) at both ends."""

    month: int
    account_id: object
    kind: Kind
    before: Mapping[str, int]
    after: Mapping[str, int]
    loss: Loss | None = None
    recovered_late: bool = False


def moves(history: Sequence[Interval], bounds: Sequence[datetime]) -> Iterator[Move]:
    """Every move of one person in the months between consecutive `bounds` (ascending instants).

    `history` is what `history_of` returns. Months in which nothing of hers begins or ends are skipped unseen.
    """
    for month in sorted(_touched(history, bounds)):
        yield from _moves_between(history, bounds[month], bounds[month + 1], month)


def _touched(history: Sequence[Interval], bounds: Sequence[datetime]) -> set[int]:
    instants = {row.effective_at for row in history} | {row.until for row in history if row.until is not None}
    return {bisect_left(bounds, instant) - 1 for instant in instants if bounds[0] < instant <= bounds[-1]}


def _moves_between(history: Sequence[Interval], a: datetime, b: datetime, month: int) -> Iterator[Move]:
    before, after = mrr_at(history, a), mrr_at(history, b)
    who = history[0].account_id
    if before and after:
        if before != after:
            yield Move(month, who, Kind.STAYED, before, after)
        return
    paused_a, paused_b = is_paused(history, a), is_paused(history, b)
    if after:
        yield _joined(history, a, paused_a, Move(month, who, Kind.NEW, before, after))
    elif before and paused_b:
        yield Move(month, who, Kind.PAUSED, before, after)
    elif before:
        loss = last_loss(history, a, b)
        assert loss is not None, "a member cannot leave without the end of an interval"
        yield Move(month, who, Kind(f"lost_{loss.kind}"), before, after, loss=loss)
    else:
        yield from _beside(history, a, b, Move(month, who, Kind.IN_AND_OUT, before, after))


def _joined(history: Sequence[Interval], a: datetime, paused_a: bool, move: Move) -> Move:
    if paused_a:
        return move._replace(kind=Kind.RESUMED)
    paid = [row.effective_at for row in history if row.pays and row.effective_at != row.until]
    if not any(start < a for start in paid):
        return move
    back = min(start for start in paid if start > a)
    ended = last_loss(history, None, back)
    late = ended is not None and ended.kind == INVOLUNTARY and back - ended.at <= WIN_BACK
    return move._replace(kind=Kind.REACTIVATED, recovered_late=late)


def _beside(history: Sequence[Interval], a: datetime, b: datetime, move: Move) -> Iterator[Move]:
    """Moves of those who are paying members at neither end of the month."""
    paused_a, paused_b = is_paused(history, a), is_paused(history, b)
    inside = [row for row in history if row.pays and a < row.effective_at < b and row.until != row.effective_at]
    if inside:
        yield move._replace(loss=last_loss(history, a, b))
    if paused_b and not paused_a:
        yield move._replace(kind=Kind.PAUSED_ON_ARRIVAL)
    if paused_a and not paused_b:
        yield move._replace(kind=Kind.LOST_FROM_PAUSE)


@dataclass
class Flow:
    """A month in persons. `opening` and `closing` are counted by themselves, not derived from the moves."""

    opening: int = 0
    closing: int = 0
    paused_opening: int = 0
    paused_closing: int = 0
    kinds: dict[Kind, int] = field(default_factory=lambda: dict.fromkeys(Kind, 0))
    causes: dict[str, int] = field(default_factory=dict)
    notice_while_past_due: int = 0
    recovered_late: int = 0
    churned: int = 0

    def add(self, move: Move) -> None:
        """Count one person's move into the month."""
        self.kinds[move.kind] += 1
        self.recovered_late += move.recovered_late
        if move.kind in LOST and move.loss:
            self.causes[move.loss.cause] = self.causes.get(move.loss.cause, 0) + 1
            self.notice_while_past_due += move.loss.while_past_due
            self.churned += move.loss.is_churn

    @property
    def joined(self) -> int:
        return sum(self.kinds[kind] for kind in JOINED)

    @property
    def lost(self) -> int:
        return sum(self.kinds[kind] for kind in LOST)

    @property
    def net(self) -> int:
        return self.closing - self.opening

    @property
    def difference(self) -> int:
        """What the identity misses by: 0 when closing = opening + joined - lost - paused."""
        return self.closing - (self.opening + self.joined - self.lost - self.kinds[Kind.PAUSED])

    @property
    def paused_difference(self) -> int:
        """The same for the paused stock."""
        into = self.kinds[Kind.PAUSED] + self.kinds[Kind.PAUSED_ON_ARRIVAL]
        out = self.kinds[Kind.RESUMED] + self.kinds[Kind.LOST_FROM_PAUSE]
        return self.paused_closing - (self.paused_opening + into - out)


def count_moves(found: Iterable[Move], months: int) -> list[Flow]:
    """Moves counted by month; stocks are still to be filled in."""
    flows = [Flow() for _ in range(months)]
    for move in found:
        flows[move.month].add(move)
    return flows
