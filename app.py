"""create_app(): settings, extensions, blueprints, commands, signal wiring, error pages. Assembly only; nobody imports it."""

from typing import Any

from flask import Flask
from flask_babel import Babel
from flask_migrate import Migrate
from werkzeug.middleware.proxy_fix import ProxyFix

import demo.cli
import membership
import payments
import publishing
import reports
from kit import (
    cli,
    csrf,
    database,
    errors,
    formats,
    headers,
    health,
    limits,
    logs,
    mail,
    mailbox,
    media,
    schema,
    settings,
    static,
    timekeeping,
    transport,
)
from kit.application import Application
from kit.database import db
from membership import guards, paywall, signals
from payments import contributions, gift_owners, groups, monthly, plans, subscriptions
from payments.views.forgeries import Forgeries
from publishing import appeals

ROOMS = (membership, publishing, payments, reports)


def create_app(overrides: dict[str, Any] | None = None) -> Flask:
    """The application. ``overrides`` replace settings (tests). Raises kit.settings.SettingsError naming every fault."""
    app = Application("wellspring", root_path=str(settings.ROOT), instance_path=str(settings.ROOT / "instance"))
    app.config.update(settings.load(overrides))
    logs.init_app(app)
    settings.ROOT.joinpath("instance").mkdir(exist_ok=True)
    database.init_app(app)
    if app.config["APP_ENV"] == "production":
        with app.app_context():
            schema.refuse_unknown()
    Migrate(app, db, directory=str(settings.ROOT / "migrations"), render_as_batch=True, compare_type=True)
    Babel(app)
    for part in (timekeeping, formats, headers, transport):
        part.init_app(app)
    limits.init_app(app)  # before the guards: a limit is checked before anything is looked up
    csrf.init_app(app)
    for room in ROOMS:
        room.init_app(app)
    app.before_request(guards.check)
    app.add_template_global(guards.may_pass)
    for blueprint in (health.bp, media.bp, mailbox.bp):
        app.register_blueprint(blueprint)
    cli.init_app(app)
    demo.cli.init_app(app)
    errors.init_app(app)
    app.after_request(paywall.send_cookie)
    app.after_request(health.count)
    connect()
    appeals.offer_from(app, plans.on_offer)
    return serve(app)


def connect() -> None:
    """What must travel up between rooms goes by signals, and only through here."""
    signals.email_verified.connect(contributions.claim)
    signals.email_verified.connect(gift_owners.claim)
    signals.account_closed.connect(subscriptions.cancel_all)
    signals.account_closed.connect(monthly.end_all)
    signals.account_closed.connect(groups.leave)


def serve(app: Flask) -> Flask:
    """What stands in front of the application: static files, the refusal of forged webhooks, and the proxies that we were told of."""
    static.init_app(app, settings.ROOT / "static")
    app.wsgi_app = Forgeries(app)
    hops = app.config["PROXY_HOPS"]
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=0)
    return app


__all__ = ["create_app", "mail"]
