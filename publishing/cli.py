"""Commands about articles."""

import click


@click.group("articles")
def group() -> None:
    """Articles: import and export."""
