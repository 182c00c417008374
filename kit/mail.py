"""Mail: an outbox row a message, written with its cause, sent once by a job.

The row is committed together with what caused it, so no mail leaves for something that was rolled back, and none
is forgotten. ``key`` names the fact that it tells ("receipt:ch_123"): the same fact is told once.
"""

import re
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import make_msgid, parseaddr
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused
from typing import Any, cast

import structlog
from flask import current_app, render_template
from jinja2 import TemplateNotFound
from sqlalchemy import JSON, CheckConstraint, CursorResult, Index, Select, String, Text, select, update
from sqlalchemy.orm import Mapped, mapped_column

from kit import clock, jobs
from kit.database import Model, UTCDateTime, db, insert_ignoring
from kit.settings import settings

log = structlog.get_logger("kit.mail")
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)

# Line breaks of every kind: none may reach a header (safety N08).
_quiet: ContextVar[tuple[bool, datetime | None]] = ContextVar("quiet", default=(False, None))
_BREAKS = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]+")


class OutboxMail(Model):
    """One message to one recipient. ``sent_at`` is set by the transaction that follows the server's 250.

    ``skipped``: written under ``quiet``, because what it tells was told before; it is not sent.
    """

    __tablename__ = "outbox_mail"
    __table_args__ = (
        CheckConstraint("kind in ('transactional', 'newsletter')", name="kind"),
        CheckConstraint("state in ('queued', 'sending', 'sent', 'refused', 'skipped')", name="state"),
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


@contextmanager
def quiet(really: bool = True, *, until: datetime | None = None) -> Generator[None]:
    """Within this a mail is written as told (its key counts), and not sent: what it says was said before (a restored backup).

    ``until``: where a mail says when its fact happened (``queue_mail``'s ``at``), it is told before that and not from then on.
    """
    token = _quiet.set((really, until))
    try:
        yield
    finally:
        _quiet.reset(token)


def queue_mail(
    to: str,
    subject: str,
    text: str,
    html: str | None = None,
    *,
    key: str,
    headers: dict[str, str] | None = None,
    kind: str = "transactional",
    at: datetime | None = None,
) -> bool:
    """Write the message and its job in the caller's transaction. False when this key was told before (or jobs are held).

    ``at``: when what it tells happened, where Stripe has a time for it; see ``quiet``.
    """
    if jobs.holding():
        return False
    domain = parseaddr(settings()["MAIL_FROM"])[1].partition("@")[2] or "localhost"
    really, until = _quiet.get()
    told = really if at is None or until is None else at < until
    values = {
        "key": key,
        "kind": kind,
        "state": "skipped" if told else "queued",
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
    if fresh and not told:
        jobs.enqueue("mail.send", key, key=key)
    return fresh


def is_told(key: str) -> bool:
    """Was a mail with this key written (sent or not)?"""
    return db.session.scalar(select(OutboxMail.id).where(OutboxMail.key == key)) is not None


def skip_queued() -> str:
    """After a backup was restored: what is queued in it may have left since. Marks it as skipped; says how many."""
    waiting = update(OutboxMail).where(OutboxMail.state.in_(("queued", "sending"))).values(state="skipped")
    count = cast("CursorResult[Any]", db.session.execute(waiting)).rowcount
    return f"{count} mails that waited are not sent: they may have left since the backup." if count else ""


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


def alone(to: str, subject: str, text: str) -> EmailMessage:
    """A message that is in no outbox, for when there is none to write to. Nothing remembers that it was sent."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = settings()["MAIL_FROM"], _BREAKS.sub("", to), header_text(subject)
    mail["Date"], mail["Auto-Submitted"] = clock.now(), "auto-generated"
    mail.set_content(text)
    return mail


@jobs.job("mail.send", attempts=300)  # some three days of a mail server that is down
def send(key: str) -> None:
    """Send one outbox row unless it was sent. A permanent refusal is recorded; anything else is tried again.

    No transaction is open while the mail server thinks: on SQLite everybody's writing would wait for it. So a kill
    between its 250 and our commit sends the message again, with the same Message-ID; that is the one repeat there can be.
    """
    row = db.session.scalars(select(OutboxMail).where(OutboxMail.key == key)).one_or_none()
    if row is None or row.state in ("sent", "refused", "skipped"):
        return
    # Can it be noted that it was sent? A database that may only be read would have it sent again and again.
    db.session.execute(update(OutboxMail).where(OutboxMail.key == key).values(attempts=OutboxMail.attempts))
    error = _hand_over(row)
    row = db.session.scalars(select(OutboxMail).where(OutboxMail.key == key).with_for_update()).one()
    row.attempts += 1
    if error is None:
        row.state, row.sent_at = "sent", clock.now()
    else:
        row.last_error = f"{type(error).__name__} {_smtp_code(error)}"
        if _is_final(error):
            log.warning("mail refused", key=key, error=row.last_error)
            row.state, error = "refused", None
    db.session.commit()
    if error is not None:
        raise error


@jobs.job("mail.find_lost")
def find_lost() -> None:
    """Queue anew each mail that waits though no job is left for it (its attempts ran out, or the engine lost it)."""
    known = {args[0] for args in jobs.unfinished("mail.send")}
    now = clock.now()
    for key in db.session.scalars(_late(now)).all():
        if key not in known:
            log.warning("mail queued anew", key=key)
            jobs.enqueue("mail.send", key, key=f"{key}:anew:{now:%Y-%m-%dT%H}")
    db.session.commit()


jobs.schedule("mail.find_lost", "37 * * * *")


def _late(now: datetime) -> Select[str]:
    """Keys of what has waited for more than an hour, oldest first. After a week nobody wants it any more."""
    waits = OutboxMail.state.in_(("queued", "sending")), OutboxMail.created_at.between(now - WEEK, now - HOUR)
    return select(OutboxMail.key).where(*waits).order_by(OutboxMail.created_at)


def waiting() -> str:
    """ "ok", or how many mails have waited for more than an hour, for the doctor."""
    late = len(db.session.scalars(_late(clock.now())).all())
    return (
        "ok"
        if not late
        else f"{late} mails have waited for more than an hour: does the mail server take them (SMTP_URL), is the worker running?"
    )


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


def _is_final(error: Exception) -> bool:
    """Will it be said again however often we ask? Only of this recipient or this message, never of our name or password at the server."""
    about_it = isinstance(error, (SMTPRecipientsRefused, SMTPDataError)) and 500 <= _smtp_code(error) < 600
    return about_it or isinstance(error, ValueError)


def _smtp_code(error: Exception) -> int:
    recipients = getattr(error, "recipients", None)
    if recipients:
        return max(code for code, _ in recipients.values())
    return int(getattr(error, "smtp_code", 0))
