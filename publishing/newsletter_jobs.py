"""The newsletter's work that the engine runs: confirmation letters, the day's issue, its delivery."""

import smtplib
import time
from collections.abc import Callable
from email.utils import parseaddr

import structlog
from flask import Flask, current_app

from kit import jobs, transport
from kit.database import db
from kit.settings import settings
from publishing.newsletter import delivery, editions, issues, mailbox, subscriptions
from publishing.newsletter.delivery import Leg, Outcome, Recipient

log = structlog.get_logger("publishing.newsletter")

# A leg ends before a worker that is told to stop loses patience (20 s), and long before another machine could take it
# for dead (kit/engine.LEASE); and it lets other jobs pass.
LEG_SECONDS = 15.0


@jobs.job("newsletter.write_confirmation")
def write_confirmation(subscription_id: int) -> None:
    """The letter with the confirmation link, within its limits."""
    subscriptions.write_confirmation(subscription_id)
    db.session.commit()


@jobs.job("newsletter.daily")
def daily() -> None:
    """Each quarter of an hour: today's issue, if it is due and the editor let it go by itself."""
    issue = issues.run_daily()
    db.session.commit()
    if issue is not None:
        log.info("the day's issue is on its way", day=issue.day.isoformat())


@jobs.job("newsletter.deliver", attempts=20)
def deliver(issue_id: int, leg: int) -> None:
    """One leg of an issue. It commits after every letter: the 250 of one and the claim of the next, together."""
    issue = delivery.unmoved(issue_id, leg)
    if issue is None:
        return
    if not editions.renew(issue):
        log.warning("the issue is stopped: none of its stories is public any more", issue=issue_id, stayed=issues.stop(issue))
        db.session.commit()
        return
    work = Leg(issue)
    work.take_back()
    db.session.commit()
    try:
        _send(work)
    except (OSError, smtplib.SMTPException) as error:
        db.session.rollback()
        work.take_back()
        work.setback = True
        log.warning("the mail server cannot be used", error=type(error).__name__, issue=issue_id)
    work.finish()
    db.session.commit()


def _send(work: Leg) -> None:
    """Letters over one connection until the leg is over. Raises when there is no connection to be had."""
    ends, sent = time.monotonic() + LEG_SECONDS, 0
    sender = parseaddr(settings()["MAIL_FROM"])[1]
    app = current_app._get_current_object()  # ty: ignore[missing-attribute]
    with transport.line(app, sender) as put:
        for recipient in work.recipients():
            db.session.commit()
            outcome = _hand_over(work, recipient, put)
            work.note(recipient, outcome)
            if outcome.code == LINE_LOST:
                work.setback = sent == 0  # a server may well close the line after so many: then the next leg begins at once
                return
            sent += 1
            if time.monotonic() > ends:
                return


LINE_LOST = 421  # "service not available, closing": also what we note when the line simply broke


def _hand_over(work: Leg, recipient: Recipient, put: Callable[[str, bytes], None]) -> Outcome:
    """Give one letter to the server and read its answer; what is wrong with one recipient stops nobody else."""
    try:
        put(*work.message(recipient))
    except smtplib.SMTPRecipientsRefused as error:
        return _answered(*next(iter(error.recipients.values())), of_her=True)
    except smtplib.SMTPSenderRefused as error:
        return Outcome("again", LINE_LOST, f"sender refused: {error.smtp_code}")  # says nothing about her
    except smtplib.SMTPResponseException as error:
        return _answered(error.smtp_code, error.smtp_error, of_her=False)  # at DATA: the letter is disliked, whoever gets it
    except ValueError as error:
        return Outcome("refused", 0, str(error))
    except (OSError, smtplib.SMTPException) as error:
        return Outcome("again", LINE_LOST, type(error).__name__)
    return Outcome("sent")


def _answered(code: int, words: bytes | str, *, of_her: bool) -> Outcome:
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return Outcome("refused" if 500 <= code < 600 else "again", code, said, of_her)


jobs.schedule("newsletter.daily", "*/15 * * * *")


def init_app(app: Flask) -> None:
    """Importing this module registers the jobs; the development mailbox shows the letters beside the other mails."""
    app.extensions.setdefault("mailbox_sources", []).append(mailbox.letters)
