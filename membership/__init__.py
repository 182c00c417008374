"""Who the reader is and where she stands: accounts, standing, entitlement, the paywall's decision.

Law of this room: it stands on kit alone and knows neither Stripe nor articles. Whatever lets somebody read (a paid
Subscription, a grant, a gift, a group seat) reaches it as a Snapshot; what it decides, it derives from the set of them.
"""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register this room's doors: pages, commands, sessions and the way in."""
    from kit import backups, mail
    from membership import cli, jobs, models, security, sessions, tokens, views  # noqa: F401 - importing registers the tables and the jobs

    security.init_app(app)
    backups.on_restored(app, mail.skip_queued)
    backups.on_restored(app, sessions.end_everyones)
    backups.on_restored(app, tokens.retire_everyones)
    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    for group in cli.GROUPS:
        app.cli.add_command(group)
