"""Commands about reports: show a table, close a month."""

import click


@click.group("reports")
def group() -> None:
    """Reports: show and close."""
