"""Groups: one Subscription is paid for several seats; each is offered by mail, claimed once, and follows the Subscription."""

import hashlib
from dataclasses import dataclass

import structlog
from sqlalchemy import select

from kit import clock
from kit.database import db
from membership import memberships, sources
from membership.models import Account
from membership.sessions import digest, new_token
from payments import customers, group_letters
from payments.domain import groups as rules
from payments.models import Customer, Group, Seat, Subscription

log = structlog.get_logger("payments.groups")
OVER = ("canceled", "incomplete", "incomplete_expired")


@dataclass(frozen=True, slots=True)
class Overview:
    """A group as its owner sees it. ``paid``: seats that the Subscription pays for; ``used``: taken or offered."""

    group: Group
    subscription: Subscription
    seats: list[Seat]

    @property
    def paid(self) -> int:
        return self.subscription.quantity

    @property
    def used(self) -> int:
        now = clock.now()
        return sum(1 for seat in self.seats if seat.claimed_at is not None or seat.expires_at > now)

    @property
    def free(self) -> int:
        return max(0, self.paid - self.used)


# --- looking ------------------------------------------------------------------------------------------------------------


def owned_by(account_id: int) -> Overview | None:
    """The group that this account pays for, the newest one that is not over."""
    mine = (
        select(Group, Subscription)
        .join(Subscription, Subscription.id == Group.subscription_id)
        .join(Customer, Customer.id == Subscription.customer_id)
        .where(Customer.account_id == account_id, Subscription.status.not_in(OVER))
        .order_by(Subscription.started_at.desc(), Group.id.desc())
    )
    found = db.session.execute(mine).first()
    return Overview(found[0], found[1], _seats(found[0].id)) if found is not None else None


def read_with(account_id: int) -> list[tuple[Seat, Group]]:
    """The seats that this account has, with their groups."""
    mine = select(Seat, Group).join(Group, Group.id == Seat.group_id).where(Seat.account_id == account_id, Seat.revoked_at.is_(None))
    return [(seat, group) for seat, group in db.session.execute(mine.order_by(Seat.id))]


def by_token(token: str) -> tuple[Seat, Group] | None:
    """The seat that this link offers, or offered before it was claimed, and its group. Changes nothing."""
    mine = select(Seat, Group).join(Group, Group.id == Seat.group_id).where(Seat.token_hash == digest(token))
    found = db.session.execute(mine).first()
    return (found[0], found[1]) if found is not None else None


def owner_of(group: Group) -> Account:
    """Who pays for it."""
    return db.session.get_one(Account, group.account_id)


def name_of(group: Group) -> str:
    """How an invitation calls it: by its name, else by who pays."""
    owner = owner_of(group)
    return group.name or owner.name or owner.email


def _seats(group_id: int) -> list[Seat]:
    """Those that were not taken back: claimed ones first, in the order in which they were."""
    standing = select(Seat).where(Seat.group_id == group_id, Seat.revoked_at.is_(None))
    found = list(db.session.scalars(standing.order_by(Seat.id)))
    return sorted(found, key=lambda seat: (seat.claimed_at is None, seat.claimed_at or seat.invited_at, seat.id))


# --- following the Subscription -----------------------------------------------------------------------------------------


def follow(row: Subscription) -> None:
    """A Subscription was looked at: it may have become a group, and the seats stand as it does. Repeating it changes nothing."""
    group = _locked(row.id) or _founded(row)
    if group is None:
        return
    owner = customers.account_of(row.customer_id)
    if owner is not None:
        group.account_id = owner
    _place(group, row)


def _founded(row: Subscription) -> Group | None:
    owner = customers.account_of(row.customer_id)
    if row.quantity < rules.LEAST or row.purpose != "subscription" or owner is None:
        return None
    group = Group(subscription_id=row.id, account_id=owner, created_at=clock.now())
    db.session.add(group)
    db.session.flush()
    return group


def _place(group: Group, row: Subscription) -> None:
    """Give the claimed seats their places, and tell each reader's membership."""
    payer = sources.payer(row.id)
    if payer is None:
        return
    claimed = [seat for seat in _seats(group.id) if seat.claimed_at is not None]
    placed, displaced = rules.with_a_place(claimed, row.quantity)
    now = clock.now()
    for seat in placed:
        if seat.displaced_at is not None or seat.placed_at is None:
            seat.placed_at, seat.displaced_at = (now if seat.displaced_at else seat.claimed_at), None
    lost = [seat for seat in displaced if seat.displaced_at is None]
    for seat in lost:
        seat.displaced_at = now
    db.session.flush()
    # In one order for all, so that two who lock readers do not wait for each other.
    for seat in sorted(claimed, key=lambda one: one.account_id or 0):
        _tell_membership(seat)
    if lost and row.ended_at is None:
        mark = hashlib.sha256(repr([(seat.id, seat.placed_at) for seat in lost]).encode()).hexdigest()[:16]
        group_letters.short(owner_of(group), [seat.email for seat in lost], row.quantity, f"{row.id}:{mark}")
        log.warning("a group has fewer seats than readers", subscription=row.id, lost=len(lost))


def _tell_membership(seat: Seat) -> None:
    group = db.session.get_one(Group, seat.group_id)
    payer = sources.payer(group.subscription_id)
    if payer is None or seat.account_id is None or seat.claimed_at is None:
        return
    sources.follow_seat(
        seat.account_id,
        f"seat_{seat.id}",
        payer,
        seat.placed_at or seat.claimed_at,
        revoked_at=seat.revoked_at,
        displaced_at=seat.displaced_at,
    )


def follow_all() -> None:
    """Tell every seat that was ever claimed to its reader's membership again (a projection that is built anew)."""
    for seat in db.session.scalars(select(Seat).where(Seat.claimed_at.is_not(None)).order_by(Seat.claimed_at, Seat.id)):
        _tell_membership(seat)


# --- what owners do -----------------------------------------------------------------------------------------------------


def rename(group: Group, name: str) -> None:
    """How invitations call the group; "" calls it by its owner."""
    group.name = name[:100]


def invite(overview: Overview, typed: str) -> int:
    """Offer a seat to each address: how many. Raises Refused (emails). The caller holds nothing: the group's row is locked here."""
    group = _locked(overview.group.subscription_id)
    assert group is not None
    fresh = Overview(group, overview.subscription, _seats(group.id))
    now = clock.now()
    for seat in fresh.seats:
        if seat.claimed_at is None and seat.expires_at <= now:
            seat.revoked_at = now  # nobody took it: its place is free, and the address may be asked again
    fresh = Overview(group, overview.subscription, [seat for seat in fresh.seats if seat.revoked_at is None])
    found = rules.addresses(typed, fresh.free, [seat.email_key for seat in fresh.seats], owner_of(group).email_key)
    for email, key in found:
        token = new_token()
        seat = Seat(
            group_id=group.id,
            email=email,
            email_key=key,
            token_hash=digest(token),
            letters=1,
            invited_at=now,
            expires_at=now + rules.INVITATION,
        )
        db.session.add(seat)
        db.session.flush()
        group_letters.invitation(seat, name_of(group), token)
    return len(found)


def invite_again(seat: Seat) -> bool:
    """A new link for an invitation that nobody took; the old one is dead. False when there is nothing to send."""
    seat = _seat(seat.id)
    if seat.claimed_at is not None or seat.revoked_at is not None:
        return False
    token, now = new_token(), clock.now()
    seat.token_hash, seat.expires_at, seat.letters = digest(token), now + rules.INVITATION, seat.letters + 1
    db.session.flush()
    group = db.session.get_one(Group, seat.group_id)
    group_letters.invitation(seat, name_of(group), token)
    return True


def seat_of(overview: Overview, seat_id: int) -> Seat | None:
    """A seat of this group, and of no other."""
    return next((seat for seat in overview.seats if seat.id == seat_id), None)


def revoke(seat: Seat) -> None:
    """Take an invitation or a seat back; who reads with it stops now. Who waited for a place may get it."""
    group = db.session.get_one(Group, seat.group_id)
    memberships.lock(group.account_id)  # who pays, the group, its readers: everybody locks in this order
    _locked(group.subscription_id)
    seat = _seat(seat.id)
    if seat.revoked_at is not None:
        return
    seat.revoked_at = clock.now()
    db.session.flush()
    _tell_membership(seat)
    row = db.session.get(Subscription, group.subscription_id)
    if row is not None:
        _place(group, row)


# --- what readers do ----------------------------------------------------------------------------------------------------


def claim(token: str, account: Account) -> str:
    """Take the seat that a link offers: "taken", or why not: unknown, gone (used, taken back or run out), full, again, over.

    Of two who come at once, one takes it: the group's row is locked.
    """
    found, account_id = by_token(token), account.id
    if found is None:
        return "unknown"
    memberships.lock(found[1].account_id)  # she may be who pays, whom a look at the Subscription locks first
    group = _locked(found[1].subscription_id)
    seat = _seat(found[0].id)
    row = db.session.get(Subscription, found[1].subscription_id)
    if seat.token_hash != digest(token) or seat.claimed_at or seat.revoked_at or seat.expires_at <= clock.now():
        return "gone"
    if group is None or row is None or row.status in OVER:
        return "over"
    seats = [one for one in _seats(group.id) if one.claimed_at is not None]
    if any(one.account_id == account_id for one in seats):
        return "again"
    if len(seats) >= row.quantity:
        return "full"
    seat.claimed_at = seat.placed_at = clock.now()
    seat.account_id = account_id
    db.session.flush()
    _tell_membership(seat)
    return "taken"


def leave(account: Account) -> None:
    """Give back every seat of this account (she leaves, or her account is closed)."""
    for seat, _group in read_with(account.id):
        revoke(seat)


def _locked(subscription_id: str) -> Group | None:
    """The group's row, one writer at a time."""
    db.session.flush()
    mine = select(Group).where(Group.subscription_id == subscription_id).with_for_update().execution_options(populate_existing=True)
    return db.session.scalars(mine).one_or_none()


def _seat(seat_id: int) -> Seat:
    return db.session.get_one(Seat, seat_id, with_for_update=True, populate_existing=True)
