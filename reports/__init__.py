"""The dwindling-subscriber reports: what an editor may know about her readers' coming and going.

The room reads what the other rooms wrote (membership intervals, ledger entries) and writes
only its own: the goals staff set, and the monthly closes. Nobody imports it.
Every definition is in docs/reports.md; where a module had to choose, its docstring says so.
"""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register this room's doors: pages, commands, jobs."""
    from payments import raised
    from reports import cli, goals, models, views  # noqa: F401 - importing models registers the tables

    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.cli.add_command(cli.group)
    raised.goal_from(app, goals.of_month)
