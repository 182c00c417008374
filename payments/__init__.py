"""Money and Stripe: checkout, subscriptions, contributions, ledger, webhook journal, reconciliation, receipts.

Law of this room: it stands on membership and kit and does not know publishing. ``gateway`` is the one module that
imports stripe. An event is a knock on the door: go and look; payloads name objects and are never the state.
"""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register this room's doors: pages, Stripe's callbacks, commands, jobs."""
    from kit import backups
    from payments import (  # noqa: F401 - importing registers jobs and tables
        call_jobs,
        cli,
        dunning_jobs,
        gateway,
        gift_jobs,
        invariant_jobs,
        invariants,
        jobs,
        journal_cli,
        journal_jobs,
        models,
        money_jobs,
        probes,
        reconciliation,
        subscription_jobs,
        views,
    )

    gateway.init_app(app)
    backups.on_restored(app, reconciliation.after_restoring)
    probes.init_app(app)
    invariants.init_app(app)
    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    views.away.init_app(app)
    views.panels.register()
    for group in (*cli.GROUPS, *journal_cli.GROUPS):
        app.cli.add_command(group)
