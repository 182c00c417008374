"""Gifts: bought, paid, delivered, redeemed, made void. What Stripe decides follows from the ledger, in whatever order it is told."""

import secrets
from typing import Any

import structlog
from flask_babel import gettext as _
from sqlalchemy import func, select

from kit import clock, formats, jobs
from kit.database import db
from kit.settings import settings
from membership import memberships, sources
from membership.models import Account
from payments import alarms, gift_letters, gift_owners, plans
from payments.domain import gifts as rules
from payments.domain import sessions
from payments.domain.ledger import difference, id_of
from payments.models import CheckoutIntent, Dispute, Gift, LedgerEntry

log = structlog.get_logger("payments.gifts")
Stripes = dict[str, Any]


def on_sale() -> list[rules.Offer]:
    """The gifts that can be bought now, in the publisher's order."""
    return rules.offers(plans.on_offer())


# --- looking ------------------------------------------------------------------------------------------------------------


def by_public_id(public_id: str) -> Gift | None:
    """The gift at its buyer's unguessable address."""
    return db.session.scalars(select(Gift).where(Gift.public_id == public_id)).one_or_none()


def by_code(typed: str) -> Gift | None:
    """The gift that this code opens (or opened), if it was ever paid. Any spelling of a code will do."""
    code = rules.code_of(typed)
    found = db.session.scalars(select(Gift).where(Gift.code == code)).one_or_none() if code else None
    return found if found is not None and found.paid_at is not None else None


def of_intent(intent_id: str) -> Gift | None:
    """The gift that this intent is for."""
    return db.session.scalars(select(Gift).where(Gift.intent_id == intent_id)).one_or_none()


def of_charge(charge_id: str | None) -> Gift | None:
    """The gift that this Charge paid."""
    return db.session.scalars(select(Gift).where(Gift.charge_id == charge_id)).one_or_none() if charge_id else None


def given_by(account_id: int, most: int = 50) -> list[Gift]:
    """What this account bought and paid, newest first."""
    mine = select(Gift).where(Gift.account_id == account_id, Gift.paid_at.is_not(None))
    return list(db.session.scalars(mine.order_by(Gift.id.desc()).limit(most)))


def redeemed_by(account_id: int) -> list[Gift]:
    """What this account was given, oldest first."""
    return list(db.session.scalars(select(Gift).where(Gift.redeemed_by == account_id).order_by(Gift.redeemed_at, Gift.id)))


def title(gift: Gift) -> str:
    """The gift in words, for Checkout and the receipt."""
    return _("Gift subscription to %(site)s, %(months)s months", site=settings()["SITE_NAME"], months=gift.months)


# --- paid, and paid back ------------------------------------------------------------------------------------------------


def follow_session(session: Stripes) -> None:
    """Take over what a Checkout Session says, as fetched, if it is the one that we made for its gift."""
    intent = db.session.get(CheckoutIntent, session.get("client_reference_id") or "")
    found = of_intent(intent.id) if intent is not None else None
    if found is None or intent is None:
        return
    gift = _locked_for_money(found)
    strange = difference((session.get("amount_total") or 0, session.get("currency") or ""), (intent.amount, intent.currency))
    if strange or intent.session_id not in (None, session["id"]):
        log.error("unexpected money", session=session["id"], gift=gift.public_id, note=strange or "another session")
        alarms.unexpected_session(session, f"{strange or 'another session'}, gift {gift.public_id}")
        return
    gift.customer_id = id_of(session.get("customer")) or gift.customer_id
    gift.payment_intent_id = id_of(session.get("payment_intent")) or gift.payment_intent_id
    if gift.paid_at is None:
        gift.status = sessions.outcome(session)
    db.session.flush()


def paid_by(charge: Stripes, named: object) -> tuple[Gift | None, str]:
    """(the gift that this Charge pays, "") or (None, why it is unexpected money). ``named``: what its metadata say."""
    found = by_public_id(str(named)[:40])
    if found is None:
        return None, f"unexpected: names gift {str(named)[:40]!r}"
    gift = _locked_for_money(found)
    note = difference((charge.get("amount_captured") or 0, charge["currency"]), (gift.amount, gift.currency))
    payment = id_of(charge.get("payment_intent"))
    if gift.charge_id not in (None, charge["id"]) or gift.payment_intent_id not in (None, payment):
        note = note or "unexpected: this gift was paid by another payment"
    if note:
        return None, f"{note}, gift {gift.public_id}"
    gift.charge_id, gift.payment_intent_id = charge["id"], payment
    db.session.flush()
    return gift, ""


def settle(charge_id: str | None) -> None:
    """Make the gift that this Charge paid agree with the ledger. Called whenever that, or a dispute, changed; others are let be."""
    found = of_charge(charge_id)
    if found is None:
        return
    gift = _locked_for_money(found)
    first_time = gift.paid_at is None
    money, paid_at = _money(gift)
    if paid_at is None:
        return
    gift.paid_at, gift.refunded = paid_at, money.refunded + money.lost
    gift.void_cause = rules.void_cause(money)
    gift.voided_at = money.back_at if gift.void_cause else None
    gift.status = "void" if gift.void_cause else "paid"
    db.session.flush()
    if gift.account_id is None:
        gift_owners.attach_to_proven(gift)
    if gift.redeemed_by is not None:
        _tell_membership(gift)
        place(gift.redeemed_by)  # another may have waited for this one
    if first_time and gift.status == "paid":
        gift_letters.bought(gift, title(gift))
        if gift.deliver_at <= clock.now():
            jobs.enqueue("payments.deliver_gift", gift.public_id, key=gift.public_id)


def _money(gift: Gift) -> tuple[rules.Money, Any]:
    """What the ledger holds of it, and when it was paid."""
    entries = list(db.session.scalars(select(LedgerEntry).where(LedgerEntry.charge_id == gift.charge_id, LedgerEntry.note == "")))
    lost = db.session.scalar(select(func.count()).where(Dispute.charge_id == gift.charge_id, Dispute.status == "lost"))
    kinds = ("refund", "refund_failed", *(("dispute", "dispute_reversal") if lost else ()))
    paid = [entry for entry in entries if entry.kind == "payment"]
    back = [entry for entry in entries if entry.kind in kinds]
    money = rules.Money(
        paid=sum(entry.amount for entry in paid),
        refunded=max(0, -sum(entry.amount for entry in back if entry.kind.startswith("refund"))),
        lost=max(0, -sum(entry.amount for entry in back if entry.kind.startswith("dispute"))),
        back_at=max((entry.occurred_at for entry in back), default=None),
    )
    return money, min((entry.occurred_at for entry in paid), default=None)


def _locked_for_money(gift: Gift) -> Gift:
    """Under its reader's lock and its own: everybody locks the reader before the gift, and what follows from money moves her standing."""
    if gift.redeemed_by is not None:
        memberships.lock(gift.redeemed_by)
    return _locked(gift)


def _locked(gift: Gift) -> Gift:
    """Under its row's lock, as it is now."""
    db.session.flush()
    return db.session.get_one(Gift, gift.id, with_for_update=True, populate_existing=True)


# --- delivered ----------------------------------------------------------------------------------------------------------


def due(limit: int = 200) -> list[str]:
    """Public ids of gifts whose day has come."""
    waiting = select(Gift.public_id).where(
        Gift.status == "paid", Gift.delivered_at.is_(None), Gift.redeemed_at.is_(None), Gift.deliver_at <= clock.now()
    )
    return list(db.session.scalars(waiting.order_by(Gift.deliver_at).limit(limit)))


def deliver(public_id: str) -> None:
    """Mail it to the recipient, if it is still to be delivered."""
    found = by_public_id(public_id)
    if found is None:
        return
    gift = _locked(found)
    if gift.status == "paid" and gift.delivered_at is None and gift.redeemed_at is None and gift.deliver_at <= clock.now():
        _mail(gift)


def send_again(gift: Gift) -> bool:
    """Mail it once more, because the first letter was not found. False when there is nothing to send (any more, or yet)."""
    gift = _locked(gift)
    if rules.state(gift, clock.now()) != "delivered":
        return False
    _mail(gift)
    return True


def _mail(gift: Gift) -> None:
    gift.letters += 1
    gift.delivered_at = gift.delivered_at or clock.now()
    db.session.flush()
    gift_letters.arrived(gift)


def readdress(gift: Gift, to: rules.Recipient) -> bool:
    """Another recipient, until somebody redeemed it. One that was delivered gets a new code, so that the old letter opens nothing."""
    gift = _locked(gift)
    if rules.state(gift, clock.now()) not in ("paid", "delivered"):
        return False
    moved = to.email_key != gift.recipient_email_key
    gift.recipient_email, gift.recipient_email_key, gift.recipient_name = to.email, to.email_key, to.name
    if moved and gift.delivered_at is not None:
        gift.code = new_code()
        _mail(gift)
    db.session.flush()
    return True


def new_code() -> str:
    """140 random bits that can be read from paper."""
    return "".join(secrets.choice(rules.ALPHABET) for _n in range(rules.LENGTH))


# --- redeemed -----------------------------------------------------------------------------------------------------------


def redeem(code: str, account: Account) -> rules.State | None:
    """Give this reader the months, if the gift's state (the answer) was paid or delivered. Of two who come at once, one
    finds it redeemed. None: no gift has this code."""
    memberships.lock(account.id)
    found = by_code(code)
    if found is None:
        return None
    gift = _locked(found)
    before = rules.state(gift, clock.now())
    if before in ("paid", "delivered"):
        gift.redeemed_at, gift.redeemed_by = clock.now(), account.id
        db.session.flush()
        place(account.id)
    return before


def place(account_id: int) -> None:
    """Say from when to when her redeemed gifts are read with. One that has begun stays; one that waits begins when nothing
    else lets her read any more, and moves when that moves. Called when she redeems one and when a Subscription of hers changed.

    A Subscription that begins when its days are over does not move it: they were carried over into that.
    """
    if jobs.holding():
        return  # a rebuild: her Subscriptions come one by one, and these instants are ours and were copied
    memberships.lock(account_id)
    now = clock.now()
    waits = [gift for gift in redeemed_by(account_id) if gift.access_from is None or (gift.access_from > now and gift.voided_at is None)]
    for number, gift in enumerate(waits):
        others = frozenset(_source(one) for one in waits[number:])
        start = sources.read_until(account_id, others, gift.access_until, now) or now
        start = start.replace(microsecond=0)  # Stripe counts whole seconds, and a Subscription may begin when this ends
        if gift.access_from != start:
            gift.access_from, gift.access_until = start, rules.months_after(start, gift.months, formats.zone())
            db.session.flush()
            _tell_membership(gift)


def waiting() -> list[int]:
    """Accounts with a redeemed gift that has not begun."""
    later = select(Gift.redeemed_by).where(Gift.access_from > clock.now(), Gift.voided_at.is_(None))
    return [account_id for account_id in db.session.scalars(later.distinct()) if account_id is not None]


def _tell_membership(gift: Gift) -> None:
    if gift.redeemed_by is None or gift.access_from is None or gift.access_until is None:
        return
    until = min(gift.access_until, gift.voided_at) if gift.voided_at else gift.access_until
    sources.follow_gift(gift.redeemed_by, _source(gift), gift.access_from, until, gift.plan_key, cause=gift.void_cause)


def _source(gift: Gift) -> str:
    return f"gift_{gift.public_id}"


def follow_all() -> None:
    """Tell every redeemed gift to its reader's membership again (a projection that is built anew)."""
    for gift in db.session.scalars(select(Gift).where(Gift.redeemed_by.is_not(None)).order_by(Gift.redeemed_at, Gift.id)):
        _tell_membership(gift)
