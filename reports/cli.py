"""Commands about reports: show a table, close a month."""

import json
import sys

import click
from rich.console import Console
from rich.table import Table as Printed

from kit import clock
from kit.database import db
from kit.formats import major, zone
from reports import closes, dwindling, tables
from reports.domain.months import Month


class MonthType(click.ParamType):
    """`YYYY-MM`."""

    name = "YYYY-MM"

    def convert(self, value, param, ctx) -> Month:
        try:
            return value if isinstance(value, Month) else Month.parse(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group("reports")
def group() -> None:
    """Reports: show and close."""


@group.command("show")
@click.argument("name", type=click.Choice(tables.NAMES), default="members")
@click.option("--from", "first", type=MonthType(), help="First month (default: 24 months ago).")
@click.option("--to", "last", type=MonthType(), help="Last month (default: the running one).")
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print a table for spreadsheets.")
def show(name: str, first: Month | None, last: Month | None, as_json: bool, as_csv: bool) -> None:
    """Print a report's table; exit 1 if its identities do not hold."""
    here, now = zone(), clock.now()
    usual = dwindling.default_range(here, now)
    try:
        report = dwindling.read(first or usual[0], last or usual[1], here, now)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    table = tables.build(name, report)
    if as_json:
        click.echo(json.dumps(tables.as_dict(table, report), indent=2))
    elif as_csv:
        for line in tables.csv_lines(table):
            click.echo(line, nl=False)
    else:
        _print(table, report)
    if report.differences:
        for month, missed in report.differences.items():
            click.echo(f"{month} does not add up: {missed}", err=True)
        sys.exit(1)


def _print(table: tables.Table, report: dwindling.Report) -> None:
    printed = Printed(title=f"{table.name}, months in {report.zone}", title_justify="left")
    for figure in table.columns:
        printed.add_column(figure, justify="left" if figure in ("month", "currency") else "right")
    for row in table.rows:
        printed.add_row(*(_text(row, figure) for figure in table.columns))
    # A pipe has no width: leave the lines whole there.
    console = Console() if sys.stdout.isatty() else Console(width=400)
    console.print(printed)


def _text(row: tables.Row, figure: str) -> str:
    value = row[figure]
    if value is None:
        return "—"
    if figure in tables.MONEY:
        return str(major(value, row["currency"]))
    if isinstance(value, float):
        return f"{value:.1f}" if figure == "net_mean" else f"{value:.2%}"
    return str(value)


@group.command("close")
@click.argument("month", type=MonthType())
@click.option("--json", "as_json", is_flag=True, help="Print facts as JSON.")
def close(month: Month, as_json: bool) -> None:
    """Write down the figures of MONTH, once; run again it names what has changed since (its restatement)."""
    try:
        closed = closes.close(month, zone(), clock.now())
    except closes.CannotClose as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    facts = {"month": str(month), "closed_at": closed.row.closed_at.isoformat(), "new": closed.new, "restated": closed.restated}
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        click.echo(f"{month} {'is closed' if closed.new else f'was closed on {closed.row.closed_at:%Y-%m-%d}'}.")
        for figure, (then, now) in closed.restated.items():
            click.echo(f"  restated {figure}: {then} -> {now}")
    db.session.commit()
