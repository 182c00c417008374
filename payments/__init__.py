"""Money and Stripe: checkout, subscriptions, contributions, ledger, webhook journal, reconciliation, receipts.

Law of this room: it stands on membership and kit and does not know publishing. ``gateway`` is the one module that
imports stripe. An event is a knock on the door: go and look; payloads name objects and are never the state.
"""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register this room's doors: pages, Stripe's callbacks, commands, jobs."""
    from payments import cli, gateway, jobs, models, probes, views  # noqa: F401 - importing registers jobs and tables

    gateway.init_app(app)
    probes.init_app(app)
    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    views.panels.register()
    for group in cli.GROUPS:
        app.cli.add_command(group)
