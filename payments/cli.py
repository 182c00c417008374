"""Commands about money and Stripe."""

import click

GROUPS: tuple[click.Group, ...] = ()
