"""Monthly contributions: the link by which one is ended, guests' too, and ending it at Stripe."""

from flask import url_for
from itsdangerous import BadSignature, URLSafeSerializer
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.jobs import enqueue
from kit.settings import settings
from membership.models import Account
from payments import gateway, leases, subscriptions
from payments.models import Contribution
from payments.subscriptions import Look

RUNNING = ("active", "past_due")


def token_for(contribution: Contribution) -> str:
    """What the link in her mails ends with. It does not run out: a receipt may be found again years later."""
    return _signer().dumps(contribution.public_id)


def by_token(token: str) -> Contribution | None:
    """The monthly contribution that such a link is about."""
    try:
        public_id = _signer().loads(token)
    except BadSignature:
        return None
    query = select(Contribution).where(Contribution.public_id == str(public_id), Contribution.frequency == "month")
    return db.session.scalars(query).one_or_none()


def path_of(contribution: Contribution) -> str:
    """The page on which she sees and ends it."""
    return url_for("monthly.show", token=token_for(contribution))


def end(subscription_id: str, customer_id: str, *, patience: float) -> None:
    """End it at Stripe now: nothing more is charged. The caller commits. Ending what has ended changes nothing.

    Raises LeaseBusy, LeaseLost, GatewayUnavailable.
    """
    with leases.held(customer_id, patience=patience) as lease:
        at = clock.now()
        try:
            gateway.cancel_subscription(subscription_id)
        except gateway.GatewayRefused:
            at = clock.now()  # it was canceled already: what Stripe says of it now is what counts
        seen = Look(subscription_id, at, gateway.fetch_subscription(subscription_id))
        lease.guard()
        subscriptions.write(seen)


def end_all(account: Account) -> None:
    """An account is being closed: nothing more is charged for it (a signal's handler: queues, never calls)."""
    running = select(Contribution).where(Contribution.account_id == account.id, Contribution.status.in_(RUNNING))
    for row in db.session.scalars(running):
        if row.subscription_id and row.customer_id:
            enqueue("payments.cancel_subscription", row.subscription_id, row.customer_id, key=row.subscription_id)


def _signer() -> URLSafeSerializer:
    # Old keys first: the last one signs.
    keys = [*settings()["SECRET_KEY_FALLBACKS"], settings()["SECRET_KEY"]]
    return URLSafeSerializer(keys, salt="monthly contribution")
