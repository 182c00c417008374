"""Mail: an outbox row a message, written with its cause, sent once by a job.

The row is committed together with what caused it, so no mail leaves for something that was rolled back, and none
is forgotten. ``key`` names the fact that it tells ("receipt:ch_123"): the same fact is told once.
"""

import re
from email.message import EmailMessage
from email.utils import make_msgid, parseaddr
from smtplib import SMTPException
from typing import Any

import structlog
from flask import current_app, render_template
from jinja2 import TemplateNotFound
from sqlalchemy import JSON, CheckConstraint, Index, String, Text, select
from sqlalchemy.orm import Mapped, mapped_column

from kit import clock, jobs
from kit.database import Model, UTCDateTime, db, insert_ignoring
from kit.settings import settings

log = structlog.get_logger("kit.mail")

# Line breaks of every kind: none may reach a header (safety N08).
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class OutboxMail(Model):
    """One message to one recipient. ``sent_at`` is set by the transaction that follows the server's 250."""

    __tablename__ = "outbox_mail"
    __table_args__ = (
        CheckConstraint("kind in ('transactional', 'newsletter')", name="kind"),
        CheckConstraint("state in ('queued', 'sending', 'sent', 'refused')", name="state"),
        Index("ix_outbox_mail_created_at", "created_at"),
        Index("ix_outbox_mail_recipient", "recipient"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(String(20), default="transactional")
    state: Mapped[str] = mapped_column(String(10), default="queued")
    recipient: Mapped[str] = mapped_column(String(320))
    subject: Mapped[str] = mapped_column(String(400))
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str | None] = mapped_column(Text)
    headers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    message_id: Mapped[str] = mapped_column(String(200))
    created_at: Mapped[Any] = mapped_column(UTCDateTime)
    sent_at: Mapped[Any | None] = mapped_column(UTCDateTime)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)


def header_text(text: str) -> str:
    """Text that stays text in a header: no line breaks, and none hidden in "=?...?=" either.

    The standard library reads that as an encoded word even in what we set ourselves, and before 3.11.10 writes a line
    break that it decodes to straight into the message (CVE-2024-6923).
    """
    return _BREAKS.sub(" ", text).replace("=?", "= ?")


def render_mail(name: str, **context: Any) -> tuple[str, str, str | None]:
    """``templates/email/NAME.txt`` (first line "Subject: ...") and ``NAME.html`` if there is one, styles inlined."""
    import css_inline

    head, _, text = render_template(f"email/{name}.txt", **context).lstrip().partition("\n")
    if not head.startswith("Subject: "):
        raise ValueError(f"email/{name}.txt must begin with a line 'Subject: ...'")
    try:
        html = css_inline.inline(render_template(f"email/{name}.html", **context), keep_at_rules=True)  # they make it dark at night
    except TemplateNotFound:
        html = None
    return head.removeprefix("Subject: ").strip(), text.strip() + "\n", html


def queue_mail(
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    *,
    key: str,
    headers: dict[str, str] | None = None,
    kind: str = "transactional",
) -> bool:
    """Write the message and its job in the caller's transaction. False when this key was told before."""
    domain = parseaddr(settings()["MAIL_FROM"])[1].partition("@")[2] or "localhost"
    values = {
        "key": key,
        "kind": kind,
        "state": "queued",
        "recipient": _BREAKS.sub("", to),
        "subject": header_text(subject)[:400],
        "text": text,
        "html": html,
        "headers": {name: header_text(value) for name, value in (headers or {}).items()},
        "message_id": make_msgid(domain=domain),
        "created_at": clock.now(),
        "attempts": 0,
    }
    written: Any = db.session.execute(insert_ignoring(OutboxMail).values(**values))
    fresh = written.rowcount == 1
    if fresh:
        jobs.enqueue("mail.send", key, key=key)
    return fresh


def message(row: OutboxMail) -> EmailMessage:
    """The MIME message of a row; the same Message-ID each time, so a repeat can be recognised."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = settings()["MAIL_FROM"], row.recipient, row.subject
    mail["Message-ID"] = row.message_id
    mail["Date"] = row.created_at
    if row.kind == "transactional":
        mail["Auto-Submitted"] = "auto-generated"
    for name, value in row.headers.items():
        mail[name] = value
    mail.set_content(row.text)
    if row.html:
        mail.add_alternative(row.html, subtype="html")
    return mail


@jobs.job("mail.send", attempts=300)  # some three days of a mail server that is down
def send(key: str) -> None:
    """Send one outbox row unless it was sent. A permanent refusal is recorded; anything else is tried again.

    No transaction is open while the mail server thinks: on SQLite everybody's writing would wait for it. So a kill
    between its 250 and our commit sends the message again, with the same Message-ID; that is the one repeat there can be.
    """
    row = db.session.scalars(select(OutboxMail).where(OutboxMail.key == key)).one_or_none()
    if row is None or row.state in ("sent", "refused"):
        return
    error = _hand_over(row)
    row = db.session.scalars(select(OutboxMail).where(OutboxMail.key == key).with_for_update()).one()
    row.attempts += 1
    if error is None:
        row.state, row.sent_at = "sent", clock.now()
    else:
        code = _smtp_code(error)
        row.last_error = f"{type(error).__name__} {code}"
        if isinstance(error, ValueError) or 500 <= code < 600:
            log.warning("mail refused", key=key, error=row.last_error)
            row.state, error = "refused", None
    db.session.commit()
    if error is not None:
        raise error


def _hand_over(row: OutboxMail) -> Exception | None:
    """Give the message to the transport, with no transaction open; what it said against it, or None."""
    try:
        ready = message(row)
        db.session.rollback()
        current_app.extensions["mail_transport"](ready)
    except (OSError, SMTPException, ValueError) as error:
        db.session.rollback()
        return error
    return None


def _smtp_code(error: Exception) -> int:
    recipients = getattr(error, "recipients", None)
    if recipients:
        return max(code for code, _ in recipients.values())
    return int(getattr(error, "smtp_code", 0))
