"""Commands about people: staff and members."""

import click

GROUPS: tuple[click.Group, ...] = ()
