"""Subscriptions: ask, confirm, choose, leave. Every step leaves a row in the record of consent."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import func, select

from kit import clock, jobs
from kit.database import db, insert_ignoring
from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from membership.domain import emails
from membership.models import Account
from publishing.domain import newsletter as rules
from publishing.models.newsletter import NewsletterConsent
from publishing.models.newsletter import NewsletterSubscription as Subscription
from publishing.newsletter import tokens


@dataclass(frozen=True)
class Asker:
    """Through which door somebody came ("page", "article", "letter", "one-click" ...), and from which network."""

    how: str
    network: str = ""


def ask(typed: str, asker: Asker) -> None:
    """Somebody wants letters for an address. Raises emails.NotAnAddress.

    The same work for a known and an unknown address, so that neither the answer nor its time tells which it is:
    whether a confirmation letter is written is decided later, by a job.
    """
    email, key = emails.parse(typed)
    try:
        rules.mailable(email, key)
    except ValueError as error:
        raise emails.NotAnAddress(str(error)) from error
    subscription = _found_or_made(email, key)
    _record(subscription.id, "asked", asker, wording=rules.CONSENT_WORDING)
    jobs.enqueue("newsletter.write_confirmation", subscription.id)


def write_confirmation(subscription_id: int) -> bool:
    """Send the one letter that may go to an address that has proved nothing. True if it was queued."""
    now = clock.now()
    asked = db.session.get(Subscription, subscription_id)
    if asked is None:
        return False
    same_mailbox = select(Subscription).where(Subscription.mailbox_key == asked.mailbox_key).order_by(Subscription.id)
    mailbox = list(db.session.scalars(same_mailbox.with_for_update().execution_options(populate_existing=True)))
    letters = sum(row.letters_asked for row in mailbox)
    last = max((row.letter_asked_at for row in mailbox if row.letter_asked_at), default=None)
    if not rules.may_write(asked.state, letters, last, now):
        return False
    token, asked.confirm_hash = tokens.new_confirmation()
    asked.confirm_expires_at = now + rules.CONFIRM_WITHIN
    asked.letters_asked, asked.letter_asked_at = asked.letters_asked + 1, now
    row = _record(asked.id, "letter", Asker("mail"))
    # Nothing that was typed stands in it: the form cannot be used to write to strangers (safety N06).
    subject, text, html = render_mail(
        "newsletter_confirm", address=public_url("newsletter.confirm", token=token), days=rules.CONFIRM_WITHIN.days
    )
    return queue_mail(rules.mailable(asked.email, asked.email_key), subject, text, html, key=f"newsletter-confirm:{row.id}")


def awaiting(token: str, *, lock: bool = False) -> Subscription | None:
    """The subscription that this confirmation link is for, while the link lives."""
    query = select(Subscription).where(Subscription.confirm_hash == tokens.hash_of(token))
    found = db.session.scalars(query.with_for_update() if lock else query).one_or_none()
    if found is None or found.confirm_expires_at is None or found.confirm_expires_at <= clock.now():
        return None
    return found


def confirm(token: str, asker: Asker) -> Subscription | None:
    """The address proved itself. Doing it twice changes nothing; None for a link that is dead."""
    subscription = awaiting(token, lock=True)
    return None if subscription is None else _confirm(subscription, asker)


def confirm_account(account: Account, asker: Asker) -> Subscription:
    """A signed-in reader whose address is verified subscribes it; it needs no second proof. ValueError if it is not."""
    if account.confirmed_at is None:
        raise ValueError("the account's address is not verified")
    return _confirm(_found_or_made(account.email, account.email_key), asker)


def by_token(token: str, *, lock: bool = False) -> Subscription | None:
    """The subscription that a letter's token leads to."""
    handle = tokens.handle_of(token)
    if handle is None:
        return None
    query = select(Subscription).where(Subscription.handle == handle)
    return db.session.scalars(query.with_for_update() if lock else query).one_or_none()


def by_address(typed: str) -> Subscription | None:
    """For the newsroom, and for somebody who is signed in. Raises emails.NotAnAddress."""
    return db.session.scalars(select(Subscription).where(Subscription.email_key == emails.key(typed))).one_or_none()


def unsubscribe(subscription: Subscription, asker: Asker) -> None:
    """No letter is begun for her from the commit on. Her confirmation link dies too. Repeating it changes nothing."""
    if subscription.state != "unsubscribed":
        _move(subscription, "unsubscribe", "unsubscribed", asker)
    subscription.confirm_hash = subscription.confirm_expires_at = None


def choose(subscription: Subscription, asker: Asker, *, daily: bool, paused_until: date | None) -> None:
    """What she wants to get, and from which morning on again."""
    if (subscription.daily, subscription.paused_until) != (daily, paused_until):
        subscription.daily, subscription.paused_until, subscription.changed_at = daily, paused_until, clock.now()
        _record(subscription.id, "changed", asker)


def suspend(subscription_id: int, reason: str) -> None:
    """Her mailbox says that it does not exist. She can come back by confirming anew."""
    row = db.session.scalars(select(Subscription).where(Subscription.id == subscription_id).with_for_update()).one_or_none()
    if row is not None and rules.after(row.state, "bounce") != row.state:
        _move(row, "bounce", "suspended", Asker(reason[:40]))


def counts() -> dict[str, int]:
    """How many subscriptions are in each state."""
    query = select(Subscription.state, func.count()).group_by(Subscription.state)
    found = {row[0]: row[1] for row in db.session.execute(query)}
    return {state: found.get(state, 0) for state in rules.STATES}


def _confirm(subscription: Subscription, asker: Asker) -> Subscription:
    if subscription.state != "confirmed":
        _move(subscription, "confirm", "confirmed", asker)
        subscription.daily, subscription.paused_until = True, None
    subscription.letters_asked = 0
    return subscription


def _move(subscription: Subscription, event: str, recorded: str, asker: Asker) -> None:
    subscription.state, subscription.changed_at = rules.after(subscription.state, event), clock.now()
    _record(subscription.id, recorded, asker, wording=rules.CONSENT_WORDING if event == "confirm" else "")


def _found_or_made(email: str, key: str) -> Subscription:
    now = clock.now()
    values = {"email": email, "email_key": key, "mailbox_key": rules.mailbox(key), "handle": tokens.new_handle(), "state": "pending"}
    db.session.execute(insert_ignoring(Subscription).values(**values, daily=True, letters_asked=0, created_at=now, changed_at=now))
    return db.session.scalars(select(Subscription).where(Subscription.email_key == key).with_for_update()).one()


def _record(subscription_id: int, event: str, asker: Asker, *, wording: str = "") -> NewsletterConsent:
    network = tokens.network_hash(rules.network(asker.network)) if asker.network else ""
    row = NewsletterConsent(subscription_id=subscription_id, event=event, at=clock.now(), wording=wording, network=network, how=asker.how)
    db.session.add(row)
    db.session.flush()
    return row
