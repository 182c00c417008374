"""Development only: the mails that were written, as a person would see them. 404 elsewhere."""

from flask import Blueprint, Response, abort, current_app, jsonify, render_template
from sqlalchemy import select

from kit.database import db
from kit.health import open_to_all
from kit.mail import OutboxMail

bp = Blueprint("mailbox", __name__)


def written(limit: int = 200) -> list[OutboxMail]:
    """The newest mails first; other rooms' outboxes add theirs by ``app.extensions["mailbox_sources"]``."""
    if current_app.config["APP_ENV"] != "development":
        abort(404)
    found = list(db.session.scalars(select(OutboxMail).order_by(OutboxMail.id.desc()).limit(limit)))
    for source in current_app.extensions.get("mailbox_sources", ()):
        found += source(limit)
    return sorted(found, key=lambda mail: (mail.created_at, mail.id), reverse=True)[:limit]


@bp.get("/_dev/mailbox")
@open_to_all
def show() -> Response:
    """All mails on a page; each one's HTML in a frame of ours, which no other page may have."""
    answer = Response(render_template("mailbox/show.html", mails=written()), content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-src 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    return answer


@bp.get("/_dev/mailbox/<int:mail_id>.html")
@open_to_all
def html(mail_id: int) -> Response:
    """One mail's HTML by itself, for a frame; it may style itself and do nothing else."""
    mail = next((row for row in written() if row.id == mail_id), None)
    if mail is None:
        abort(404)
    answer = Response(mail.html or "", content_type="text/html; charset=utf-8")
    answer.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; sandbox; frame-ancestors 'self'"
    )
    answer.headers["X-Frame-Options"] = "SAMEORIGIN"
    return answer


@bp.get("/_dev/mailbox.json")
@open_to_all
def listing() -> Response:
    """The same as JSON, for tests."""
    return jsonify(
        [
            {
                "to": row.recipient,
                "subject": row.subject,
                "text": row.text,
                "html": row.html,
                "headers": row.headers,
                "at": row.created_at.isoformat(),
            }
            for row in written()
        ]
    )
