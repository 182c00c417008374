"""Tables of the newsletter: who asked for it and how we know, what was sent, to whom.

There is no column for an account: whose membership opens the members' edition is asked by address when a letter is
sent (both the subscription and the account have proven that address), so a stale link can never carry paid text.
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Date, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from kit.database import Model, UTCDateTime
from publishing.domain.issues import DELIVERY_STATES, EDITIONS, ISSUE_STATES
from publishing.domain.newsletter import RECORDED, STATES
from publishing.models.articles import one_of


class NewsletterSubscription(Model):
    """An address and whether it gets the letter. ``email`` is where mail goes, ``email_key`` makes it unique.

    ``mailbox_key`` has the +tag removed: limits count by it, nothing else does. ``handle`` is random; tokens in mails
    are signatures of it. ``confirm_hash`` is the SHA-256 of the one confirmation link that is alive, if one is.
    ``letters_asked`` counts confirmation letters since the address last proved itself.
    """

    __tablename__ = "newsletter_subscription"
    __table_args__ = (
        CheckConstraint(one_of("state", STATES), name="state"),
        Index("ix_newsletter_subscription_mailbox_key", "mailbox_key"),
        Index("ix_newsletter_subscription_state", "state", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320))
    email_key: Mapped[str] = mapped_column(String(320), unique=True)
    mailbox_key: Mapped[str] = mapped_column(String(320))
    handle: Mapped[str] = mapped_column(String(22), unique=True)
    state: Mapped[str] = mapped_column(String(12), default="pending")
    daily: Mapped[bool] = mapped_column(default=True)
    paused_until: Mapped[date | None] = mapped_column(Date)
    confirm_hash: Mapped[str | None] = mapped_column(String(64), unique=True)
    confirm_expires_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    letters_asked: Mapped[int] = mapped_column(default=0)
    letter_asked_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)


class NewsletterConsent(Model):
    """The record of consent: one row for each thing that happened to a subscription. Rows are only ever added.

    ``wording`` names the text that stood beside the form; ``network`` is a keyed hash of the asker's network (an
    IPv4 /24 or IPv6 /48), enough to recognise an abuser and too little to find a person; ``how`` is the door.
    """

    __tablename__ = "newsletter_consent"
    __table_args__ = (
        CheckConstraint(one_of("event", RECORDED), name="event"),
        Index("ix_newsletter_consent_subscription_id", "subscription_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    subscription_id: Mapped[int] = mapped_column(ForeignKey("newsletter_subscription.id", ondelete="CASCADE"))
    event: Mapped[str] = mapped_column(String(12))
    at: Mapped[datetime] = mapped_column(UTCDateTime)
    wording: Mapped[str] = mapped_column(String(20), default="")
    network: Mapped[str] = mapped_column(String(32), default="")
    how: Mapped[str] = mapped_column(String(40), default="")


class NewsletterIssue(Model):
    """One day's issue, unique by the publication's calendar. ``article_ids`` in the order in which they stand.

    ``offered_ids`` are all that ever stood in its draft or would have, had there been room: what an editor took out is
    not offered again by the next. It looked at what was published in ``(covers_from, covers_until]``. Sending goes in legs, one job each: ``leg`` is the
    one whose turn it is since ``leg_at``; ``setbacks`` counts how often in a row the mail server could not be used.
    """

    __tablename__ = "newsletter_issue"
    __table_args__ = (CheckConstraint(one_of("state", ISSUE_STATES), name="state"), Index("ix_newsletter_issue_state_day", "state", "day"))

    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(Date, unique=True)
    state: Mapped[str] = mapped_column(String(10), default="draft")
    subject: Mapped[str] = mapped_column(String(200))
    intro: Mapped[str] = mapped_column(String(2000), default="")
    article_ids: Mapped[list[int]] = mapped_column(JSON, default=list)
    offered_ids: Mapped[list[int]] = mapped_column(JSON, default=list, server_default="[]")
    covers_from: Mapped[datetime] = mapped_column(UTCDateTime)
    covers_until: Mapped[datetime] = mapped_column(UTCDateTime)
    leg: Mapped[int] = mapped_column(default=0)
    leg_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    setbacks: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(UTCDateTime)
    frozen_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)


class NewsletterEdition(Model):
    """A frozen edition of an issue: what everybody of that edition is sent, told anew for those who wait if an article
    changes meanwhile. The members' one holds paid text, so it has a row of its own; no public page ever loads either
    (as ``article_body``)."""

    __tablename__ = "newsletter_edition"
    __table_args__ = (CheckConstraint(one_of("edition", EDITIONS), name="edition"),)

    issue_id: Mapped[int] = mapped_column(ForeignKey("newsletter_issue.id", ondelete="CASCADE"), primary_key=True)
    edition: Mapped[str] = mapped_column(String(8), primary_key=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    text: Mapped[str] = mapped_column(Text)
    html: Mapped[str] = mapped_column(Text)


class NewsletterDelivery(Model):
    """The outbox of an issue: one row a recipient. The message is composed when its turn comes, from the frozen
    edition that her standing opens then; so the queue holds no address and no text."""

    __tablename__ = "newsletter_delivery"
    __table_args__ = (
        UniqueConstraint("issue_id", "subscription_id"),
        CheckConstraint(one_of("state", DELIVERY_STATES), name="state"),
        Index("ix_newsletter_delivery_queue", "issue_id", "state", "due_at", "id"),
        Index("ix_newsletter_delivery_subscription_id", "subscription_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    issue_id: Mapped[int] = mapped_column(ForeignKey("newsletter_issue.id", ondelete="CASCADE"))
    subscription_id: Mapped[int] = mapped_column(ForeignKey("newsletter_subscription.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(8), default="queued")
    edition: Mapped[str | None] = mapped_column(String(8))
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime] = mapped_column(UTCDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UTCDateTime)
    last_error: Mapped[str | None] = mapped_column(String(200))


class NewsletterSettings(Model):
    """The one row of what the editor decides: does the issue go out by itself at six in the morning?"""

    __tablename__ = "newsletter_settings"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=1)
    auto_send: Mapped[bool] = mapped_column(default=False)
    changed_at: Mapped[datetime] = mapped_column(UTCDateTime)
    changed_by: Mapped[str] = mapped_column(String(320))
