"""The dwindling-subscriber report: puts the flows, the stocks, the money and the goals of each month side by side.

A fixed number of queries whatever the range: histories of those who moved (1), stocks (3), ledger (1),
goals (1), the first interval ever (1). Everything else is arithmetic of reports/domain.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

from kit.database import db
from reports import cash, goals, histories
from reports.domain.bridge import Bridge, bridge_moves
from reports.domain.cash import Cash
from reports.domain.flow import Flow, Move, count_moves, moves
from reports.domain.months import Month, boundaries, months_through
from reports.domain.notices import Notice, latest_each, notices
from reports.domain.rates import Rate
from reports.stocks import Stock, stocks

CONTRIBUTION = "contribution"
# What a month is compared with: the same month a year before.
LEAD_IN = 12


@dataclass
class MonthLine:
    """One month, `[start, end)`; of a running month, what happened until now. Money by currency."""

    month: Month
    start: datetime
    end: datetime
    running: bool
    flow: Flow
    bridges: dict[str, Bridge]
    cash: dict[str, Cash] = field(default_factory=dict)
    contributions: dict[str, Cash] = field(default_factory=dict)
    goals: dict[str, int] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    net_mean: float | None = None
    net_year_before: int | None = None

    @property
    def churn(self) -> Rate:
        """Lost of those who were members when the month began; merged and migrated people are no churn."""
        return Rate(self.flow.churned, self.flow.opening)

    @property
    def differences(self) -> dict[str, int]:
        """The identities that do not hold, by name, with what they miss by; empty when all hold."""
        found = {"members": self.flow.difference, "paused": self.flow.paused_difference}
        found |= {f"mrr_{currency}": bridge.difference for currency, bridge in self.bridges.items()}
        return {name: missed for name, missed in found.items() if missed}


@dataclass
class Report:
    """Consecutive months, oldest first, as they were known at `now`, with the zone they are months of."""

    zone: ZoneInfo
    now: datetime
    lines: list[MonthLine]

    @property
    def currencies(self) -> list[str]:
        return sorted({currency for line in self.lines for currency in (*line.bridges, *line.cash, *line.contributions, *line.goals)})

    @property
    def differences(self) -> dict[Month, dict[str, int]]:
        return {line.month: line.differences for line in self.lines if line.differences}


def read(first: Month, last: Month, zone: ZoneInfo, now: datetime) -> Report:
    """The months from `first` to `last`, neither later than the running one. Raises ValueError for a range of none."""
    last = min(last, Month.of(now, zone))
    if first > last:
        raise ValueError(f"no month to report from {first} to {last}")
    months = list(months_through(first.plus(-LEAD_IN), last))
    bounds = boundaries(months, zone, now)
    lines = _persons_and_mrr(months, bounds)
    lines[-1].running = now < last.plus(1).start(zone)
    _compare(lines, _beginning(zone))
    lines = lines[LEAD_IN:]
    _add_money(lines, bounds[LEAD_IN:])
    return Report(zone, now, lines)


def default_range(zone: ZoneInfo, now: datetime, months: int = 24) -> tuple[Month, Month]:
    """The last so many months up to the running one, but none before anything was ever recorded."""
    last = Month.of(now, zone)
    return max(last.plus(1 - months), min(last, _beginning(zone) or last)), last


def _persons_and_mrr(months: list[Month], bounds: Sequence[datetime]) -> list[MonthLine]:
    found: list[Move] = []
    given: list[Notice] = []
    for history in histories.moved(bounds[0], bounds[-1]):
        found += moves(history, bounds)
        given += notices(history)
    flows, bridges, levels = count_moves(found, len(months)), bridge_moves(found, len(months)), stocks(bounds)
    lines = []
    for n, month in enumerate(months):
        a, b = bounds[n], bounds[n + 1]
        _fill(flows[n], bridges[n], levels[n], levels[n + 1])
        lines.append(MonthLine(month, a, b, False, flows[n], bridges[n], notices=latest_each(given, a, b)))
    return lines


def _fill(flow: Flow, bridges: dict[str, Bridge], a: Stock, b: Stock) -> None:
    """Put the counted stocks around the classified moves."""
    flow.opening, flow.closing = a.members, b.members
    flow.paused_opening, flow.paused_closing = a.paused, b.paused
    for currency in a.mrr.keys() | b.mrr.keys():
        bridges.setdefault(currency, Bridge())
    for currency, bridge in bridges.items():
        bridge.opening, bridge.closing = a.mrr.get(currency, 0), b.mrr.get(currency, 0)


def _compare(lines: list[MonthLine], beginning: Month | None) -> None:
    """Set beside each month the mean of three and the same month a year before, where these were recorded whole."""
    known = [n for n, line in enumerate(lines) if beginning is not None and line.month >= beginning]
    for n in known:
        if n - 2 in known and not lines[n].running:
            lines[n].net_mean = sum(line.flow.net for line in lines[n - 2 : n + 1]) / 3
        if n - LEAD_IN in known:
            lines[n].net_year_before = lines[n - LEAD_IN].flow.net


def _add_money(lines: list[MonthLine], bounds: Sequence[datetime]) -> None:
    hoped = goals.between(lines[0].month, lines[-1].month)
    for line, by_purpose in zip(lines, cash.by_month(bounds), strict=True):
        line.cash = by_purpose[None]
        line.contributions = by_purpose.get(CONTRIBUTION, {})
        line.goals = hoped.get(line.month, {})


def _beginning(zone: ZoneInfo) -> Month | None:
    earliest = db.session.scalar(select(func.min(histories.ROW.effective_at)).where(histories.IN_FORCE))
    return Month.of(earliest, zone) if earliest else None
