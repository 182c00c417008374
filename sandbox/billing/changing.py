"""Changes to a running subscription: plan, quantity, end, discounts, trial, resume."""

from collections.abc import Callable

from sandbox.billing import discounts, invoicing, periods, proration, subscribing
from sandbox.errors import StripeError
from sandbox.objects import public


def schedule_end(world, subscription: dict, params: dict) -> None:
    """cancel_at, cancel_at_period_end: set, moved or undone. Raises StripeError where a schedule decides about the end."""
    if "cancel_at" in params or "cancel_at_period_end" in params:
        must_be_free(subscription)
    if "cancel_at" in params:
        at = params["cancel_at"]
        if at == "" or at is None:
            at = None
        elif at in ("min_period_end", "max_period_end"):
            pick = min if at == "min_period_end" else max
            at = pick(i["current_period_end"] for i in subscribing.items_of(subscription))
        elif not isinstance(at, int):
            raise StripeError.invalid("Invalid cancel_at", "cancel_at")
        elif at <= world.now(subscription):
            raise StripeError.invalid("The cancel_at timestamp must be in the future.", "cancel_at")
        _mark_end(world, subscription, at, False)
    if "cancel_at_period_end" in params:
        wanted = params["cancel_at_period_end"]
        end = subscribing.period_end(subscription) if wanted else None
        _mark_end(world, subscription, end, wanted)


def must_be_free(subscription: dict) -> None:
    """Raises StripeError when a schedule manages the subscription: its end is the schedule's then."""
    if subscription["schedule"]:
        raise StripeError.invalid(
            f"The subscription is managed by the subscription schedule `{subscription['schedule']}`, and updating any cancelation "
            "behavior directly is not allowed. Please update the schedule instead."
        )


def end_with_period(subscription: dict) -> None:
    """`cancel_at_period_end` means the period that runs now, also when that was moved."""
    if subscription["cancel_at_period_end"]:
        subscription["cancel_at"] = subscribing.period_end(subscription)


def _mark_end(world, subscription: dict, at: int | None, by_period: bool) -> None:
    subscription["cancel_at"] = at
    subscription["cancel_at_period_end"] = by_period
    subscription["canceled_at"] = world.now(subscription) if at else None
    subscription["cancellation_details"]["reason"] = "cancellation_requested" if at else None


def replace_discounts(world, subscription: dict, given: list[dict] | str | None) -> None:
    customer = world.the("customer", subscription["customer"])
    rows = given if isinstance(given, list) else []
    kept = [d["discount"] for d in rows if d.get("discount") in subscription["discounts"]]
    fresh = [d for d in rows if not d.get("discount")]
    made = [
        discounts.redeem(world, coupon, promo, customer=customer, subscription=subscription["id"])
        for coupon, promo in discounts.wanted(world, fresh, customer)
    ]
    for discount in made:
        world.emit("customer.discount.created", discount)
    for id_ in subscription["discounts"]:
        if id_ not in kept:
            world.emit("customer.discount.deleted", world.the("discount", id_))
    subscription["discounts"] = kept + [d["id"] for d in made]


def items(world, subscription: dict, params: dict) -> Callable[[], None] | None:
    """Apply `items`; what is to be invoiced afterwards, if anything."""
    from sandbox.resources import prices

    behaviour = params.get("proration_behavior", "create_prorations")
    at = params.get("proration_date") or world.now(subscription)
    anchor_now = (params.get("billing_cycle_anchor") or {}).get("type") == "now"
    restart = False
    rows = subscribing.items_of(subscription)
    subscribing.one_interval(_prices_after(world, rows, params.get("items") or []))
    for i, entry in enumerate(params.get("items") or []):
        item = next((r for r in rows if r["id"] == entry.get("id")), None)
        if entry.get("id") and item is None:
            raise StripeError.missing("subscription_item", entry["id"], f"items[{i}][id]")
        if item and entry.get("deleted"):
            _prorate(world, subscription, behaviour, item, None, at)
            rows.remove(item)
            continue
        has_price = entry.get("price") or entry.get("price_data")
        price = prices.of_line(world, entry, f"items[{i}]") if has_price or item is None else item["price"]
        if item is None:
            period = (rows[0]["current_period_start"], rows[0]["current_period_end"]) if rows else (at, periods.end_of(price, at))
            rows.append(subscribing.make_item(world, subscription, price, entry.get("quantity", 1), period))
            if behaviour != "none":
                charge_rest(world, subscription, rows[-1], at)
            continue
        restart |= _swap(world, subscription, item, price, entry, behaviour, at)
    if restart or anchor_now:
        return lambda: _restart(world, subscription, at)
    if behaviour == "always_invoice":
        return lambda: _touch(world, subscription, lambda: proration.invoice_now(world, subscription))
    return None


def _prices_after(world, rows: list[dict], entries: list[dict]) -> list[dict]:
    """The Prices that the items will have; of those that the call itself describes nothing is said here."""
    found = {row["id"]: row["price"] for row in rows}
    for number, entry in enumerate(entries):
        if entry.get("deleted"):
            found.pop(entry.get("id"), None)
        elif entry.get("price") and (price := world.store.get("price", entry["price"])):
            found[entry.get("id") or str(number)] = price
    return list(found.values())


def _swap(world, subscription: dict, item: dict, price: dict, entry: dict, behaviour: str, at: int) -> bool:
    """Put another price or quantity on an item; True when its interval changed."""
    quantity = entry.get("quantity", item["quantity"])
    old = (item["price"], item["quantity"])
    same = price["id"] == old[0]["id"] and quantity == old[1]
    every = ("interval", "interval_count")
    moved = any(price["recurring"][k] != old[0]["recurring"][k] for k in every)
    trial = subscription["status"] == "trialing"
    if not same and not trial:
        _prorate(world, subscription, behaviour, item, None if moved else (price, quantity), at)
    item |= {"price": public(price), "plan": subscribing.plan_of(price), "quantity": quantity}
    if "metadata" in entry:
        item["metadata"] = dict(entry["metadata"] or {})
    return moved and not trial


def _prorate(world, subscription: dict, behaviour: str, item: dict, new: tuple[dict, int] | None, at: int) -> None:
    if behaviour != "none" and (item["price"]["unit_amount"] or 0) > 0:
        proration.change(world, subscription, item, (item["price"], item["quantity"]), new, at)
    elif behaviour != "none" and new:
        charge_rest(world, subscription, item | {"price": new[0], "quantity": new[1]}, at)


def charge_rest(world, subscription: dict, item: dict, at: int) -> None:
    customer = world.the("customer", subscription["customer"])
    amount = proration.worth(world, subscription, item["price"], item["quantity"])
    start, end = item["current_period_start"], item["current_period_end"]
    proration.invoice_item(
        world, customer, subscription, amount=proration.share(amount, start, end, at),
        currency=item["price"]["currency"], description="Remaining time", proration=True,
        period={"start": at, "end": end}, discountable=False, discounts=[], _item=item["id"],
    )  # fmt: skip


def _touch(world, subscription: dict, deed: Callable[[], object]) -> None:
    with world.changing(subscription, "customer.subscription.updated"):
        deed()


def _restart(world, subscription: dict, at: int) -> None:
    """A new billing cycle from now: the full new period, less what was credited, at once."""
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["billing_cycle_anchor"] = at
        for item in subscribing.items_of(subscription):
            item["current_period_start"] = at
            item["current_period_end"] = periods.end_of(item["price"], at)
        end_with_period(subscription)
        lines = subscribing.period_lines(world, subscription)
        proration.invoice_now(world, subscription, lines)
        subscribing.spend_once(world, subscription)


def trial_end(world, subscription: dict, end: object) -> Callable[[], None] | None:
    """Move the end of the trial, or end it now."""
    if end == "now":
        if subscription["status"] != "trialing":
            return None
        now = world.now(subscription)
        subscription["trial_end"] = now
        subscription["billing_cycle_anchor"] = now
        for item in subscribing.items_of(subscription):
            item["current_period_end"] = now
        end_with_period(subscription)

        def finish() -> None:
            subscribing.end_trial(world, subscription)
            invoice = world.store.get("invoice", subscription["latest_invoice"] or "")
            if invoice and invoice["status"] == "draft":
                invoicing.collect(world, invoice)

        return finish
    if isinstance(end, int):
        subscription["trial_end"] = end
        subscription["trial_start"] = subscription["trial_start"] or world.now(subscription)
        subscription["status"] = "trialing"
        subscription["billing_cycle_anchor"] = end
        subscription["_trial_warned"] = False
        for item in subscribing.items_of(subscription):
            item["current_period_end"] = end
        end_with_period(subscription)
    return None
