"""Delivery: one row a recipient, taken one at a time.

Each recipient is claimed by a conditional UPDATE that also asks whether she still wants the letter, is sent to, and
marked, with one commit between two letters. So a crash repeats at most the one letter that was in hand (under the
same Message-ID), and nobody who has left is written to.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from email.message import EmailMessage
from email.utils import parseaddr
from typing import Any

from sqlalchemy import Date, and_, bindparam, exists, func, insert, literal, or_, select, update

from kit import clock, jobs
from kit.database import db
from kit.mail import header_text
from kit.settings import settings
from kit.stencil import Stencil, gap
from kit.urls import public_url
from membership import memberships
from membership.models import Account, Membership
from publishing.domain import issues as rules
from publishing.domain import newsletter as subscribers
from publishing.models.newsletter import NewsletterDelivery as Delivery
from publishing.models.newsletter import NewsletterEdition, NewsletterIssue
from publishing.models.newsletter import NewsletterSubscription as Subscription
from publishing.newsletter import subscriptions, tokens
from publishing.newsletter.editions import TOKEN

AHEAD = 100  # recipients looked up at a time
LOOKED_UP_FOR = timedelta(seconds=30)  # then standing and address are asked again
GIVEN_UP_AFTER = timedelta(hours=24)


@dataclass(frozen=True)
class Recipient:
    """A delivery whose turn it is. ``edition`` is what her standing opens now."""

    delivery_id: int
    subscription_id: int
    email: str
    email_key: str
    handle: str
    edition: str
    attempts: int
    due_at: datetime


@dataclass(frozen=True)
class Outcome:
    """What became of a letter: "sent", "again" (try later), "refused" (never), with the server's word on it.

    ``of_her``: the word was on the recipient, and not on the letter.
    """

    state: str
    code: int = 0
    said: str = ""
    of_her: bool = False


def wants(today: Any) -> Any:
    """domain/newsletter.gets_letters as a condition on subscriptions."""
    awake = or_(Subscription.paused_until.is_(None), Subscription.paused_until <= today)
    return and_(Subscription.state == "confirmed", Subscription.daily.is_(True), awake)


def address(issue: NewsletterIssue, today: date) -> int:
    """Queue a row for everybody who wants the letter; how many."""
    rows = select(literal(issue.id), Subscription.id, literal("queued"), literal(0), literal(issue.frozen_at, type_=Delivery.due_at.type))
    columns = ("issue_id", "subscription_id", "state", "attempts", "due_at")
    queue = insert(Delivery).from_select(columns, rows.where(wants(today)).order_by(Subscription.id))
    done: Any = db.session.execute(queue.execution_options(preserve_rowcount=True))
    return done.rowcount


# Run once or twice for every letter, so they are built once: building them costs more than running them.
_TABLE: Any = Delivery.__table__
_QUEUED = (_TABLE.c.id == bindparam("row")) & (_TABLE.c.state == "queued")
_STILL_WANTED = exists().where(Subscription.id == _TABLE.c.subscription_id, wants(bindparam("today", type_=Date))).correlate(_TABLE)
_CLAIM = update(_TABLE).where(_QUEUED, _STILL_WANTED).values(state="sending")
_SKIP = update(_TABLE).where(_QUEUED).values(state="skipped")
_NOTE = (
    update(_TABLE)
    .where(_TABLE.c.id == bindparam("row"))
    .values(
        {name: bindparam(f"new_{name}") for name in ("state", "attempts", "edition", "due_at", "sent_at")}
        | {"last_error": bindparam("new_error")}
    )
)


class Leg:
    """One job's share of an issue: its recipients, the messages, and what became of them. Never commits."""

    def __init__(self, issue: NewsletterIssue) -> None:
        self.issue_id, self.day, self.leg = issue.id, issue.day, issue.leg
        self.setback = False
        frozen = db.session.scalars(select(NewsletterEdition).where(NewsletterEdition.issue_id == issue.id))
        self._stencils = {edition.edition: stencil(issue, edition.text, edition.html) for edition in frozen}

    def take_back(self) -> None:
        """What a killed run had in hand is sent again: better one letter twice than one not at all.

        It goes to the end of the queue, so that the next kill does not find the same letter in hand.
        """
        mine = (Delivery.issue_id == self.issue_id) & (Delivery.state == "sending")
        db.session.execute(update(Delivery).where(mine).values(state="queued", due_at=clock.now()))

    def recipients(self) -> Iterator[Recipient]:
        """Those who are due, each claimed as she is taken. The caller commits before sending."""
        while ahead := self._look_ahead():
            looked_up_at = clock.now()
            for recipient in ahead:
                if clock.now() - looked_up_at > LOOKED_UP_FOR:
                    break
                if self._claim(recipient):
                    yield recipient

    def message(self, recipient: Recipient) -> tuple[str, bytes]:
        """(address, message) as they go on the wire. ValueError for an address that cannot be mailed."""
        to = subscribers.mailable(recipient.email, recipient.email_key)
        return to, fill(self._stencils[recipient.edition], self.issue_id, to, recipient.handle)

    def note(self, recipient: Recipient, outcome: Outcome) -> None:
        """Write down what became of her letter."""
        now, attempts = clock.now(), recipient.attempts + 1
        state, due_at, said = outcome.state, recipient.due_at, rules.one_line(f"{outcome.code} {outcome.said}", 200)
        if outcome.state == "sent":
            said = None
        elif outcome.state == "again":
            again = rules.next_try(attempts, now)
            state, due_at = ("queued", again) if again else ("failed", due_at)
        written = {"new_state": state, "new_attempts": attempts, "new_edition": recipient.edition, "new_due_at": due_at, "new_error": said}
        db.session.connection().execute(_NOTE, {"row": recipient.delivery_id, "new_sent_at": now if state == "sent" else None, **written})
        if outcome.state == "refused" and outcome.of_her and subscribers.gives_up(outcome.code, outcome.said):
            subscriptions.suspend(recipient.subscription_id, f"bounce {outcome.code}")

    def finish(self) -> None:
        """End the leg: the issue is sent, or the next leg is queued for when somebody is due again.

        Nothing is queued if it was stopped meanwhile, or if another leg was given the turn.
        """
        issue = db.session.scalars(select(NewsletterIssue).where(NewsletterIssue.id == self.issue_id).with_for_update()).one()
        db.session.refresh(issue)
        now = clock.now()
        mine = (Delivery.issue_id == self.issue_id) & (Delivery.state == "queued")
        if issue.state != "sending":
            db.session.execute(update(Delivery).where(mine).values(state="skipped"))  # the one in hand was put off
            return
        if issue.leg != self.leg:
            return
        if issue.frozen_at and now - issue.frozen_at > GIVEN_UP_AFTER:
            db.session.execute(update(Delivery).where(mine).values(state="failed", last_error="not sent within a day"))
        due = db.session.scalar(select(func.min(Delivery.due_at)).where(mine))
        if due is None:
            issue.state, issue.sent_at = "sent", now
            return
        issue.setbacks = issue.setbacks + 1 if self.setback else 0
        wait = max(rules.pause(issue.setbacks - 1) if self.setback else 0.0, (due - now).total_seconds(), 0.0)
        issue.leg, issue.leg_at = issue.leg + 1, now + timedelta(seconds=wait)
        jobs.enqueue("newsletter.deliver", issue.id, issue.leg, key=f"{issue.id}:{issue.leg}", delay=wait)

    def _look_ahead(self) -> list[Recipient]:
        """The next who are due, with the standing of the verified account of the same address, if there is one."""
        now = clock.now()
        verified = and_(
            Account.email_key == Subscription.email_key,
            Account.confirmed_at.is_not(None),
            Account.active.is_(True),
            Account.closed_at.is_(None),
        )
        query = (
            select(
                Delivery.id,
                Delivery.attempts,
                Delivery.due_at,
                Subscription.id,
                Subscription.email,
                Subscription.email_key,
                Subscription.handle,
                Account.role,
                Membership,
            )
            .join(Subscription, Subscription.id == Delivery.subscription_id)
            .outerjoin(Account, verified)
            .outerjoin(Membership, Membership.account_id == Account.id)
            .where(Delivery.issue_id == self.issue_id, Delivery.state == "queued", Delivery.due_at <= now)
            .order_by(Delivery.due_at, Delivery.id)
            .limit(AHEAD)
        )
        found = []
        for number, attempts, due_at, subscription_id, email, key, handle, role, membership in db.session.execute(query):
            edition = "members" if role is not None or memberships.is_entitled(membership, now) else "free"
            found.append(Recipient(number, subscription_id, email, key, handle, edition, attempts, due_at))
        db.session.expunge_all()  # standing is looked up anew each time, never remembered
        return found

    def _claim(self, recipient: Recipient) -> bool:
        """Take her letter in hand, if nobody else has and she still wants it."""
        claimed: Any = db.session.connection().execute(_CLAIM, {"row": recipient.delivery_id, "today": self.day})
        if not claimed.rowcount:
            db.session.connection().execute(_SKIP, {"row": recipient.delivery_id})
        return claimed.rowcount == 1


def stencil(issue: NewsletterIssue, text: str, html: str) -> Stencil:
    """The message that all recipients of an edition get, with gaps for what is each one's own."""
    sender = settings()["MAIL_FROM"]
    host = parseaddr(sender)[1].partition("@")[2] or "localhost"
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Date"] = sender, header_text(issue.subject), issue.frozen_at or clock.now()
    mail["List-Id"] = f"<daily.newsletter.{host}>"
    mail.set_content(text, cte="quoted-printable")
    mail.add_alternative(html, subtype="html", cte="quoted-printable")
    own = {
        "To": gap("to"),
        "Message-ID": f"<{gap('id')}@{host}>",
        "List-Unsubscribe": f"<{public_url('newsletter.unsubscribe', token=gap(TOKEN))}>, <mailto:{parseaddr(sender)[1]}?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }
    return Stencil(mail, own, (TOKEN,))


def fill(made: Stencil, issue_id: int, to: str, handle: str) -> bytes:
    """One recipient's message. Its Message-ID follows from issue and recipient, so a repeat can be recognised."""
    fact = hashlib.sha256(f"{issue_id}:{handle}".encode()).hexdigest()[:32]
    return made.fill({"to": to, "id": f"newsletter.{fact}", TOKEN: tokens.of_handle(handle)})


def unmoved(issue_id: int, leg: int) -> NewsletterIssue | None:
    """The issue, if it is this leg's turn."""
    issue = db.session.get(NewsletterIssue, issue_id, populate_existing=True)
    return issue if issue is not None and issue.state == "sending" and issue.leg == leg else None
