"""The account's balance, and money sent to or fetched from its bank."""

from sandbox.billing import settling
from sandbox.errors import StripeError

DAY = 86400


def settled(world, txn: dict) -> dict:
    """Two days after the fact the money is available; nobody is told."""
    if txn["status"] == "pending" and txn["available_on"] <= world.now(world.store.peek(txn["source"])):
        txn["status"] = "available"
        world.store.put(txn)
    return txn


def summary(world) -> dict:
    """The Balance object: sums of net amounts by currency, in minor units."""
    sums: dict[str, dict[str, int]] = {"available": {}, "pending": {}}
    for txn in world.store.all("balance_transaction"):
        amounts = sums[settled(world, txn)["status"]]
        amounts[txn["currency"]] = amounts.get(txn["currency"], 0) + txn["net"]
    shown = {state: _amounts(amounts or {"usd": 0}) for state, amounts in sums.items()}
    empty = dict.fromkeys(("connect_reserved", "instant_available", "issuing", "refund_and_dispute_prefunding"))
    return {"object": "balance", "livemode": False} | empty | shown


def _amounts(amounts: dict[str, int]) -> list[dict]:
    return [{"amount": amount, "currency": currency, "source_types": {"card": amount}} for currency, amount in sorted(amounts.items())]


def pay_out(world, params: dict) -> dict:
    """To the bank: gone from the balance now, there in two days. Raises StripeError when there is not enough."""
    available = {a["currency"]: a["amount"] for a in summary(world)["available"]}
    if params["amount"] > available.get(params["currency"], 0):
        raise StripeError.invalid("You have insufficient funds in your Stripe account.", "amount", "balance_insufficient")
    payout = world.make("payout", amount=params["amount"], currency=params["currency"], description=params.get("description"))
    payout["arrival_date"] = payout["created"] + 2 * DAY
    txn = settling.book(world, payout, amount=-payout["amount"], fee=0, kind="payout", at_once=True)
    payout["balance_transaction"] = txn["id"]
    world.emit("payout.created", payout)
    return payout


def arrive(world, payout: dict) -> None:
    with world.changing(payout, "payout.updated"):
        payout["status"] = "paid"
    world.emit("payout.paid", payout)


def top_up(world, params: dict) -> dict:
    """From the bank."""
    topup = world.make("topup", amount=params["amount"], currency=params["currency"], description=params.get("description"))
    txn = settling.book(world, topup, amount=topup["amount"], fee=0, kind="topup")
    topup |= {"balance_transaction": txn["id"], "expected_availability_date": txn["available_on"]}
    world.emit("topup.created", topup)
    return topup
