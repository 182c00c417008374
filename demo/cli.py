"""`flask demo load`: the door of this room."""

from flask import Flask
from flask.cli import AppGroup

group = AppGroup("demo", help="An invented publication to look around in.")


def init_app(app: Flask) -> None:
    """Register the command group."""
    app.cli.add_command(group)
