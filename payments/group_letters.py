"""The letters about a group: an invitation to each seat, and word to its owner and to staff when seats are missing."""

from kit.mail import queue_mail, render_mail
from kit.settings import settings
from kit.urls import public_url
from membership.models import Account
from payments.models import Seat


def invitation(seat: Seat, group_name: str, token: str) -> None:
    """To the address that the owner typed; once more each time that it is sent again."""
    address = public_url("groups.join", token=token)
    subject, text, html = render_mail("seat_offered", seat=seat, group_name=group_name, address=address)
    queue_mail(seat.email, subject, text, html, key=f"seat:{seat.id}:{seat.letters}")


def short(owner: Account, lost: list[str], paid: int, mark: str) -> None:
    """Fewer seats are paid for than were claimed: to the owner, and to ADMIN_EMAIL. ``mark`` names this loss."""
    page = public_url("groups.show")
    for role, to in (("owner", owner.email), ("staff", settings()["ADMIN_EMAIL"])):
        if to:
            subject, text, html = render_mail("seats_missing", lost=lost, paid=paid, page=page, owner=owner, for_staff=role == "staff")
            queue_mail(to, subject, text, html, key=f"seats-missing:{role}:{mark}")
