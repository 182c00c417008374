"""What is read, mailed and asked: articles, archive, search, feeds, the newsletter, appeals.

Law of this room: it stands on membership (who may read) and kit, and does not know payments: prices and
addresses of checkout reach it through hooks that app.py wires. The text of an article lives in its own
table, and publishing/articles.py alone touches it; every other surface shows the public part.
"""

from flask import Flask


def init_app(app: Flask) -> None:
    """Register this room's doors: pages, commands, jobs."""
    from kit import backups
    from publishing import appeals, cli, frame, newsletter_cli, newsletter_jobs, views
    from publishing.newsletter import issues

    frame.init_app(app)
    appeals.init_app(app)
    for blueprint in views.BLUEPRINTS:
        app.register_blueprint(blueprint)
    app.cli.add_command(cli.group)
    app.cli.add_command(newsletter_cli.group)
    newsletter_jobs.init_app(app)
    backups.on_restored(app, issues.hold_after_restoring)
