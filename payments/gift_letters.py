"""The letters about a gift: to its buyer when it is paid, to its recipient when its day has come."""

from kit.mail import queue_mail, render_mail
from kit.urls import public_url
from payments.domain import gifts as rules
from payments.models import Gift


def bought(gift: Gift, title: str) -> None:
    """To the buyer, once: what she bought, and the address of its page. The receipt is a letter of its own."""
    page = public_url("gifts.given", public_id=gift.public_id)
    subject, text, html = render_mail("gift_bought", gift=gift, title=title, page=page, code=rules.spoken(gift.code))
    queue_mail(gift.email, subject, text, html, key=f"gift-bought:{gift.public_id}")


def arrived(gift: Gift) -> None:
    """To the recipient; once more each time that it is sent again."""
    address = public_url("gifts.redeem", code=gift.code)
    subject, text, html = render_mail("gift_arrived", gift=gift, address=address, code=rules.spoken(gift.code))
    queue_mail(gift.recipient_email, subject, text, html, key=f"gift:{gift.public_id}:{gift.letters}")
