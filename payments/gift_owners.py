"""Whose a gift is that a guest bought: hers who proves the address, with its receipt and its ledger entries."""

from sqlalchemy import select, update

from kit.database import db
from membership.models import Account
from payments.models import CheckoutIntent, Gift, LedgerEntry, Receipt


def attach_to_proven(gift: Gift) -> None:
    """A guest typed an address that somebody with an account has proven: it is hers."""
    owner = select(Account.id).where(Account.email_key == gift.email_key, Account.confirmed_at.is_not(None), Account.closed_at.is_(None))
    account_id = db.session.scalars(owner).one_or_none()
    if account_id is not None:
        _hand_over(gift, account_id)


def claim(account: Account) -> None:
    """A proven address takes over the gifts that were bought with it, and those bought by this account before it was proven,
    with their receipts and ledger entries."""
    if account.confirmed_at is None:
        return
    hers = select(CheckoutIntent.id).where(CheckoutIntent.account_id == account.id)
    bought = (Gift.email_key == account.email_key) | Gift.intent_id.in_(hers)
    for gift in db.session.scalars(select(Gift).where(Gift.account_id.is_(None), bought)):
        _hand_over(gift, account.id)


def _hand_over(gift: Gift, account_id: int) -> None:
    gift.account_id = account_id
    db.session.flush()
    if gift.charge_id is None:
        return
    entries = select(LedgerEntry.id).where(LedgerEntry.charge_id == gift.charge_id)
    for table, its in ((LedgerEntry, LedgerEntry.charge_id == gift.charge_id), (Receipt, Receipt.ledger_entry_id.in_(entries))):
        given = update(table).where(its, table.account_id.is_(None)).values(account_id=account_id)
        db.session.execute(given.execution_options(synchronize_session="fetch"))
