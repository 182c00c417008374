"""What somebody must hear of: an event that was given up until staff looks at it; Stripe gone silent, or refusing our key."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flask_babel import gettext as _

from kit import clock
from kit.database import db
from kit.mail import queue_mail
from kit.settings import settings
from kit.urls import public_url
from payments import rhythm
from payments.gateway import KeyRefused
from payments.models import StripeEvent


def parked(account: str, event_id: str) -> bool:
    """Write to ADMIN_EMAIL, once an event, if this one is parked. False where there is nothing to say or nobody to tell."""
    row = db.session.get(StripeEvent, (account, event_id))
    to = settings()["ADMIN_EMAIL"]
    if row is None or row.state != "parked" or not to:
        return False
    text = _(
        "An event from Stripe could not be applied and waits for you: %(type)s, %(event_id)s.\n\n%(error)s\n\nLook at it, and apply it again: %(address)s\n",
        type=row.type,
        event_id=row.event_id,
        error=row.last_error or "",
        address=public_url("staff_webhooks.index"),
    )
    return queue_mail(to, _("An event from Stripe is parked: %(type)s", type=row.type), text, key=f"parked:{account}:{event_id}")


def unexpected_money(stripe_id: str, said: str) -> bool:
    """Write to ADMIN_EMAIL, once for this Charge, Session or Subscription, that its money is not what we asked for. False: told, or nobody to tell."""
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return False
    text = _(
        "Money has come at Stripe that is not what was asked for: %(stripe_id)s.\n\n%(said)s\n\n"
        "It is booked as it came, and nothing follows for what was asked. Look at it, place it or give it back: %(address)s\n",
        stripe_id=stripe_id,
        said=said,
        address=public_url("staff_payments.index"),
    )
    return queue_mail(to, _("Unexpected money: %(stripe_id)s", stripe_id=stripe_id), text, key=f"unexpected:{stripe_id}")


def unexpected_session(session: dict[str, Any], said: str) -> bool:
    """The same of a Checkout Session, if it was completed: one that nobody paid moved no money."""
    return session.get("status") == "complete" and unexpected_money(session["id"], said)


def unknown_prices(subscription_id: str, price_ids: Sequence[str]) -> bool:
    """Write to ADMIN_EMAIL, once a Subscription, that a reader subscribes to Prices that are no plan of ours. False: told, or nobody to tell."""
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return False
    text = _(
        "A reader's subscription %(subscription_id)s at Stripe has a price that is none of ours: %(price_ids)s.\n\n"
        "That price opens nothing here, and is no revenue of readers. If another site sells on the same Stripe account, all is well. If she should read for "
        "it, look at the plans: %(address)s\n",
        subscription_id=subscription_id,
        price_ids=", ".join(price_ids),
        address=public_url("staff_plans.index"),
    )
    subject = _("A subscription to something that is none of ours: %(subscription_id)s", subscription_id=subscription_id)
    return queue_mail(to, subject, text, key=f"unknown-price:{subscription_id}")


def silent() -> bool:
    """Write to ADMIN_EMAIL, once a silence, if Stripe has told us nothing for longer than is likely. False: nothing to say, or told."""
    found, to = rhythm.silence(), settings()["ADMIN_EMAIL"]
    if not found.alarming or not to:
        return False
    since = f"{found.since:%Y-%m-%d %H:%M} UTC" if found.since else _("ever")
    text = _(
        "No event has come from Stripe since %(since)s. That is longer than this site's own rhythm makes likely.\n"
        "Events that Stripe has and that only the comparison of every five minutes found: %(untold)s.\n\n"
        "Nothing is lost: the comparison goes on. But what Stripe tells comes late, so please look at:\n"
        "1. the endpoint in Stripe's dashboard (Developers, Webhooks): is it enabled, is its address %(endpoint)s, what did it answer?\n"
        "2. the secret: is the endpoint's in STRIPE_WEBHOOK_SECRET?\n"
        "3. this machine's clock: more than five minutes off, and every event is refused. It says %(now)s UTC.\n"
        "4. what stands in front of the site: does it let Stripe's posts pass?\n\n"
        "What came so far: %(address)s\n",
        since=since,
        untold=found.untold,
        endpoint=public_url("webhook.receive"),
        now=f"{clock.now():%Y-%m-%d %H:%M}",
        address=public_url("staff_webhooks.index"),
    )
    return queue_mail(to, _("Stripe has been silent since %(since)s", since=since), text, key=f"silence:{found.since or 'ever'}")


def clock_off(seconds: float) -> bool:
    """Write to ADMIN_EMAIL, once a day, that our clock is so far ahead of Stripe's (negative: behind). False: told, or nobody to tell."""
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return False
    text = _(
        "Stripe has signed an event %(minutes)s minutes %(where)s than this machine's clock says, so it was refused, as every other is.\n"
        "The clock says %(now)s UTC. Please put it right (timedatectl; is NTP running?). If it is right, something in front of the site holds "
        "Stripe's posts up for that long.\n\nNothing is lost: Stripe tries again for three days, and the comparison of every five minutes goes on.\n",
        minutes=round(abs(seconds) / 60),
        where=_("earlier") if seconds > 0 else _("later"),
        now=f"{clock.now():%Y-%m-%d %H:%M}",
    )
    return queue_mail(to, _("This machine's clock is wrong"), text, key=f"clock:{clock.now():%Y-%m-%d}")


def clock_jumped(off: timedelta, stripes: timedelta | None) -> bool:
    """Write to ADMIN_EMAIL, once a day, that this machine's clock is not believed. ``stripes``: by how much it is ahead of
    Stripe's, None where Stripe could not be asked. False: told, or nobody to tell."""
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return False
    text = _(
        "This machine's clock says %(told)s UTC. That is %(days)s days off what it was, so it is not believed: the site goes on with %(now)s UTC, "
        "and nobody's access ends by it.\n\n%(stripe)s\n\nPlease put the clock right (timedatectl; is NTP running?); the site then believes it by itself. "
        "If it is right: flask clock believe\n",
        told=f"{clock.told():%Y-%m-%d %H:%M}",
        days=round(abs(off) / timedelta(days=1)),
        now=f"{clock.now():%Y-%m-%d %H:%M}",
        stripe=_("Stripe could not be asked what time it is.") if stripes is None else _("Stripe's clock says otherwise too."),
    )
    return queue_mail(to, _("This machine's clock is not believed"), text, key=f"clock-jumped:{clock.now():%Y-%m-%d}")


def key_refused(error: Exception) -> bool:
    """Write to ADMIN_EMAIL, once a day, if this is Stripe's refusal of our key. False: it is not, or told, or nobody to tell."""
    to = settings()["ADMIN_EMAIL"]
    if not isinstance(error, KeyRefused) or not to:
        return False
    text = _(
        "Stripe refuses what we ask with STRIPE_SECRET_KEY.\n\n%(error)s\n\n"
        "Nothing is lost: what needs it waits, and goes on when the key was mended. Is it the right one, was it revoked, does it lack a permission "
        "(docs/stripe-live-checklist.md lists them)?\n\nWhat waits: %(address)s\n",
        error=str(error),
        address=public_url("staff_webhooks.index", state="new"),
    )
    return queue_mail(to, _("Stripe refuses our key"), text, key=f"stripe-key:{clock.now():%Y-%m-%d}")


def broken(name: str, sentence: str, said: list[str]) -> bool:
    """Write to ADMIN_EMAIL, once a day, that an invariant (payments/invariants.py) does not hold. False: told, or nobody to tell."""
    to = settings()["ADMIN_EMAIL"]
    if not to:
        return False
    text = _(
        "What must always hold does not: %(sentence)s\n\n%(said)s\n\nNothing was changed. flask doctor --invariants looks again.\n",
        sentence=sentence,
        said="\n".join(said),
    )
    return queue_mail(to, _("An invariant is broken: %(name)s", name=name), text, key=f"invariant:{name}:{clock.now():%Y-%m-%d}")
