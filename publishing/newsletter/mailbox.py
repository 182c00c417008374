"""Development only: letters for /_dev/mailbox, composed as the worker composes them (no table keeps a finished letter)."""

from contextlib import suppress
from email import message_from_bytes, policy
from typing import Any

from sqlalchemy import select

from kit.database import db
from kit.mail import OutboxMail
from publishing.domain.newsletter import mailable
from publishing.models.newsletter import NewsletterDelivery, NewsletterEdition, NewsletterIssue, NewsletterSubscription
from publishing.newsletter import delivery

OURS = 1_000_000_000  # ids from here on are deliveries', so that both kinds of mail share one list


def letters(limit: int) -> list[OutboxMail]:
    """The newest deliveries as rows that belong to no session. One that was not begun shows the free edition."""
    query = (
        select(NewsletterDelivery, NewsletterIssue, NewsletterSubscription)
        .join(NewsletterIssue, NewsletterIssue.id == NewsletterDelivery.issue_id)
        .join(NewsletterSubscription, NewsletterSubscription.id == NewsletterDelivery.subscription_id)
        .where(NewsletterDelivery.state.not_in(("skipped", "refused", "failed")))
    )
    made: dict[tuple[int, str], Any] = {}
    found = []
    for row in db.session.execute(query.order_by(NewsletterDelivery.id.desc()).limit(limit)):
        with suppress(ValueError):  # an address that cannot be mailed has no letter to show
            found.append(_mail(*row, made))
    return found


def _mail(
    row: NewsletterDelivery, issue: NewsletterIssue, subscription: NewsletterSubscription, made: dict[tuple[int, str], Any]
) -> OutboxMail:
    edition = row.edition or "free"
    if (issue.id, edition) not in made:
        frozen = db.session.get_one(NewsletterEdition, (issue.id, edition))
        made[issue.id, edition] = delivery.stencil(issue, frozen.text, frozen.html)
    wire = delivery.fill(made[issue.id, edition], issue.id, mailable(subscription.email, subscription.email_key), subscription.handle)
    mail: Any = message_from_bytes(wire, policy=policy.default)
    shown = ("List-Unsubscribe", "List-Unsubscribe-Post", "List-Id", "Message-ID")
    return OutboxMail(
        id=OURS + row.id,
        key=f"newsletter:{issue.day}:{row.id}",
        kind="newsletter",
        state=row.state,
        recipient=subscription.email,
        subject=issue.subject,
        text=mail.get_body(("plain",)).get_content(),
        html=mail.get_body(("html",)).get_content(),
        headers={name: " ".join(str(mail[name]).split()) for name in shown},
        message_id=mail["Message-ID"],
        created_at=row.sent_at or row.due_at,
    )
