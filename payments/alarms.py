"""What somebody must hear of: an event that was given up until staff looks at it."""

from flask_babel import gettext as _

from kit.database import db
from kit.mail import queue_mail
from kit.settings import settings
from kit.urls import public_url
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
