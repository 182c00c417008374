"""Balance transactions: what a charge, refund or dispute does to the balance, and its fee."""

from sandbox.billing import money

DAY = 86400


def settle(world, charge: dict, amount: int, *, at_once: bool = False) -> None:
    fee = money.fee_of(amount)
    txn = book(world, charge, amount=amount, fee=fee, kind="charge", at_once=at_once)
    charge["balance_transaction"] = txn["id"]


def settle_late(world, charge: dict) -> None:
    """The balance transaction that was not there at charge.succeeded."""
    charge.pop("_settles_at", None)
    with world.changing(charge, "charge.updated"):
        settle(world, charge, charge["amount_captured"])


def book(world, source: dict, *, amount: int, fee: int, kind: str, at_once: bool = False, category: str | None = None) -> dict:
    """A balance transaction for a charge, refund or dispute."""
    now = world.now(source)
    fees = [
        {
            "amount": fee,
            "application": None,
            "currency": source["currency"],
            "description": "Stripe processing fees",
            "type": "stripe_fee",
        }
    ]
    return world.make(
        "balance_transaction",
        of=source,
        amount=amount,
        fee=fee,
        net=amount - fee,
        currency=source["currency"],
        description=source.get("description"),
        fee_details=fees if fee else [],
        source=source["id"],
        type=kind,
        reporting_category=category or kind,
        available_on=now if at_once else now + 2 * DAY,
        status="available" if at_once else "pending",
    )
