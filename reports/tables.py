"""The report as plain tables: what CSV, JSON, the command line and the API give out, by name.

A table's rows hold integers (persons; money in minor units), floats (rates, as fractions), text and
None. CSV is for spreadsheets, so money is written there in whole units with its decimals.
"""

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from kit.formats import major
from reports import words
from reports.domain.bridge import STEPS
from reports.domain.cash import Cash
from reports.domain.flow import Kind
from reports.dwindling import MonthLine, Report

Row = dict[str, Any]

_FLOW = ("new", "reactivated", "resumed", "lost_voluntary", "lost_involuntary", "lost_administrative", "paused")
_BESIDE = ("in_and_out", "paused_on_arrival", "lost_from_pause")
_MRR = tuple(f"mrr_{step}" for step in ("opening", *STEPS, "closing"))
MONEY = frozenset({*_MRR, "gross", "refunds", "disputes", "fees", "cash_net", "raised", "goal"})
# A spreadsheet runs a cell that begins so.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True)
class Table:
    """Rows of one kind, oldest month first; `columns` are figures of words.FIGURES. The months are those of `zone`."""

    name: str
    columns: tuple[str, ...]
    rows: list[Row]
    zone: str


def build(name: str, report: Report) -> Table:
    """The table of that name. Raises KeyError for a name that is none of NAMES."""
    make, columns = TABLES[name]
    return Table(name, columns, [row for line in report.lines for row in make(line)], str(report.zone))


def as_dict(table: Table, report: Report) -> dict[str, Any]:
    """What JSON gives out: the rows with their definitions, the zone and the instant."""
    return {
        "name": table.name,
        "zone": table.zone,
        "as_of": _iso(report.now),
        "definitions": {figure: str(words.FIGURES[figure][1]) for figure in table.columns},
        "rows": [row | {"month": str(row["month"])} for row in table.rows],
    }


def csv_lines(table: Table) -> Iterator[str]:
    """The table line by line, with a head of names and the zone in each line; text that a spreadsheet would run is quoted with an apostrophe."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for cells in ([*table.columns, "zone"], *([*(_cell(row, figure) for figure in table.columns), table.zone] for row in table.rows)):
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in cells])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()


def safe(text: str) -> str:
    """Text that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _cell(row: Row, figure: str) -> Any:
    value = row[figure]
    if figure in MONEY and value is not None:
        return major(value, row["currency"])
    if isinstance(value, float):
        return round(value, 6)  # a number, or a mean below zero would be taken for a formula
    return value if value is None or isinstance(value, int) else str(value)


def _iso(instant) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _members(line: MonthLine) -> list[Row]:
    flow, rate = line.flow, line.churn
    low, high = rate.interval or (None, None)
    small = rate.is_small
    row: Row = {"month": line.month, "opening": flow.opening, "closing": flow.closing, "net": flow.net}
    row |= {kind: flow.kinds[Kind(kind)] for kind in (*_FLOW, *_BESIDE)}
    row |= {
        "recovered_late": flow.recovered_late,
        "notice_while_past_due": flow.notice_while_past_due,
        "paused_closing": flow.paused_closing,
    }
    row |= {"net_mean": line.net_mean, "net_year_before": line.net_year_before, "notice_given": len(line.notices), "churned": flow.churned}
    row |= {"churn": None if small else rate.value, "churn_low": None if small else low, "churn_high": None if small else high}
    return [row | {"difference": flow.difference or flow.paused_difference}]


def _mrr(line: MonthLine) -> list[Row]:
    rows = []
    for currency, exact in sorted(line.bridges.items()):
        printed = asdict(exact.printed())
        rows.append(
            {"month": line.month, "currency": currency, "difference": exact.difference}
            | {f"mrr_{step}": amount for step, amount in printed.items()}
        )
    return rows


def _cash(line: MonthLine) -> list[Row]:
    def row(currency: str, cash: Cash) -> Row:
        money = {"gross": cash.gross, "refunds": cash.refunds, "disputes": cash.disputes, "fees": cash.fees, "cash_net": cash.net}
        return {"month": line.month, "currency": currency} | money

    return [row(currency, cash) for currency, cash in sorted(line.cash.items())]


def _contributions(line: MonthLine) -> list[Row]:
    def row(currency: str) -> Row:
        cash = line.contributions.get(currency, Cash())
        money = {"payments": cash.count, "raised": cash.raised, "fees": cash.fees, "goal": line.goals.get(currency)}
        return {"month": line.month, "currency": currency} | money

    return [row(currency) for currency in sorted(line.contributions.keys() | line.goals.keys())]


TABLES: dict[str, tuple[Callable[[MonthLine], list[Row]], tuple[str, ...]]] = {
    "members": (
        _members,
        (
            "month",
            "opening",
            "new",
            "reactivated",
            "recovered_late",
            "resumed",
            "lost_voluntary",
            "notice_while_past_due",
            "lost_involuntary",
            "lost_administrative",
            "paused",
            "closing",
            "net",
            "net_mean",
            "net_year_before",
            "churned",
            "churn",
            "churn_low",
            "churn_high",
            "notice_given",
            "in_and_out",
            "paused_on_arrival",
            "lost_from_pause",
            "paused_closing",
            "difference",
        ),
    ),
    "mrr": (_mrr, ("month", "currency", *_MRR, "difference")),
    "cash": (_cash, ("month", "currency", "gross", "refunds", "disputes", "fees", "cash_net")),
    "contributions": (_contributions, ("month", "currency", "payments", "raised", "fees", "goal")),
}
NAMES = tuple(TABLES)
