"""Subscriptions: begin, renew, end of trial, scheduled end."""

from collections.abc import Iterable

from sandbox.billing import discounts, invoicing, lines, methods, periods, standing
from sandbox.errors import StripeError
from sandbox.objects import list_object

DAY = 86400
TERMINAL = ("canceled", "incomplete_expired")


def plan_of(price: dict) -> dict:
    """The old Plan view of a recurring price, which Subscription items still carry."""
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": dict(price["metadata"]),
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    }


def make_item(world, subscription: dict, price: dict, quantity: int, period: tuple[int, int], metadata: dict | None = None) -> dict:
    if not price["recurring"]:
        raise StripeError.invalid(
            f"The price specified is set to `type=one_time` but this field only accepts prices "
            f"with `type=recurring`. (price: {price['id']})", "items[0][price]"
        )  # fmt: skip
    return {
        "id": world.ids.new("subscription_item"),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": world.now(subscription),
        "current_period_start": period[0],
        "current_period_end": period[1],
        "discounts": [],
        "metadata": metadata or {},
        "plan": plan_of(price),
        "price": {k: v for k, v in price.items() if not k.startswith("_")},
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def one_interval(prices: list[dict]) -> None:
    """Refuse a change after which intervals differ. Stripe's flexible mode lets a Subscription mix them, and here too it may
    begin so, each item renewing by itself; what a change from one to several prorates is not played, and it says so."""
    if len({(p["recurring"]["interval"], p["recurring"]["interval_count"]) for p in prices if p["recurring"]}) > 1:
        raise StripeError.invalid(
            "Currency and interval fields must match across all plans on this subscription. (SIMULATED: mixed intervals are not played here.)",
            "items",
        )


def items_of(subscription: dict) -> list[dict]:
    return subscription["items"]["data"]


def period_end(subscription: dict) -> int:
    """The end of the longest period that runs."""
    return max(i["current_period_end"] for i in items_of(subscription))


def next_end(subscription: dict) -> int:
    """When the next of its periods ends: that of the shortest, where its items' intervals differ."""
    return min(i["current_period_end"] for i in items_of(subscription))


def product_of(world, price: dict) -> dict:
    return world.store.get("product", price["product"]) or {"name": "Subscription"}


def create(
    world, customer: dict, items: list[tuple[dict, int, dict]], *, trial_end: int | None = None,
    coupons: Iterable[tuple[dict, dict | None]] = (), anchor: int | None = None, **values,
) -> dict:  # fmt: skip
    """A stored subscription, its first period open; no invoice yet and nothing said yet."""
    now = world.now(customer)
    subscription = world.make("subscription", of=customer, customer=customer["id"], **values)
    subscription |= {
        "test_clock": customer["test_clock"],
        "start_date": now,
        "billing_cycle_anchor": trial_end or anchor or now,
        "currency": items[0][0]["currency"],
        "trial_start": now if trial_end else None,
        "trial_end": trial_end,
        "status": "trialing" if trial_end else "incomplete",
        "_unborn": True,
    }
    subscription["items"] = list_object([], f"/v1/subscription_items?subscription={subscription['id']}")
    for price, quantity, metadata in items:
        end = trial_end or anchor or (periods.end_of(price, now) if price["recurring"] else now)
        item = make_item(world, subscription, price, quantity, (now, end), metadata)
        items_of(subscription).append(item)
    subscription["discounts"] = [
        discounts.redeem(world, coupon, promo, customer=customer, subscription=subscription["id"])["id"] for coupon, promo in coupons
    ]
    if customer["currency"] is None:
        customer["currency"] = subscription["currency"]
    return subscription


def announce(world, subscription: dict) -> None:
    """customer.subscription.created, and at once the end of a trial that is near."""
    subscription.pop("_unborn", None)
    world.store.put(subscription)
    world.emit("customer.subscription.created", subscription)
    if subscription["trial_end"] and subscription["trial_end"] - 3 * DAY <= world.now(subscription):
        warn_of_trial_end(world, subscription)


def first_invoice(world, subscription: dict, extra: Iterable[dict] = (), *, intent: dict | None = None) -> dict:
    """The invoice of the first period (a trial's is for nothing), finalized."""
    from sandbox.billing import proration

    customer = world.the("customer", subscription["customer"])
    rows = [*period_lines(world, subscription, trial=bool(subscription["trial_end"])), *extra]
    invoice = invoicing.draft(
        world,
        customer,
        rows,
        subscription=subscription,
        billing_reason="subscription_create",
        currency=subscription["currency"],
        discounts=list(subscription["discounts"]),
        auto_advance=False,
    )
    subscription["latest_invoice"] = invoice["id"]
    proration.claim(world, invoice)
    invoicing.finalize(world, invoice, intent)
    spend_once(world, subscription)
    return invoice


def period_lines(world, subscription: dict, items: list[dict] | None = None, *, trial: bool = False) -> list[dict]:
    """A line for the period of each of these items (default: of all)."""
    rows = []
    for item in items_of(subscription) if items is None else items:
        price, quantity = item["price"], item["quantity"]
        product = product_of(world, price)
        amount = 0 if trial else (price["unit_amount"] or 0) * quantity
        words = f"Trial period for {product['name']}" if trial else lines.describe(price, product, quantity)
        rows.append(
            lines.line(
                world,
                amount=amount,
                currency=price["currency"],
                description=words,
                period=(item["current_period_start"], item["current_period_end"]),
                parent=lines.item_parent(item),
                price=price,
                quantity=quantity,
                metadata=dict(subscription["metadata"]),
            )
        )
    return rows


def spend_once(world, subscription: dict) -> None:
    """A coupon for one invoice is spent by it."""
    keep = []
    for id_ in subscription["discounts"]:
        discount = world.the("discount", id_)
        coupon = world.the("coupon", discount["source"]["coupon"])
        ended = discount["end"] is not None and discount["end"] <= world.now(subscription)
        if coupon["duration"] != "once" and not ended:
            keep.append(id_)
    subscription["discounts"] = keep


def renew(world, subscription: dict) -> None:
    """A new period begins: items move on and a draft invoice waits an hour, as at Stripe."""
    customer = world.the("customer", subscription["customer"])
    was_trial = subscription["status"] == "trialing"
    now = world.now(subscription)
    with world.changing(subscription, "customer.subscription.updated"):
        over = [item for item in items_of(subscription) if item["current_period_end"] <= now]
        for item in over:
            start = item["current_period_end"]
            item["current_period_start"] = start
            item["current_period_end"] = periods.end_of(item["price"], start, subscription["billing_cycle_anchor"])
        if was_trial:
            subscription["status"] = "active"
        subscription.pop("_upcoming_for", None)
        paused = (subscription["pause_collection"] or {}).get("behavior")
        from sandbox.billing import proration

        rows = period_lines(world, subscription, over) + proration.pending_lines(world, customer, subscription)
        invoice = invoicing.draft(
            world,
            customer,
            rows,
            subscription=subscription,
            billing_reason="subscription_cycle",
            period_start=min(i["current_period_start"] for i in items_of(subscription)),
            period_end=now,
            discounts=list(subscription["discounts"]),
            **_collected(subscription, now),
        )
        proration.claim(world, invoice)
        subscription["latest_invoice"] = invoice["id"]
        spend_once(world, subscription)
        if paused in ("void", "mark_uncollectible"):
            invoicing.finalize(world, invoice)
            if invoice["status"] == "open" and paused == "void":
                invoicing.void(world, invoice)
            elif invoice["status"] == "open":
                invoicing.void(world, invoice, event="invoice.marked_uncollectible", status="uncollectible")


def _collected(subscription: dict, now: int) -> dict:
    """A renewal's invoice is charged an hour later; where collection is paused or given up it stays a draft."""
    if subscription["pause_collection"] or subscription["status"] == "unpaid":
        return {"auto_advance": False}
    return {"auto_advance": True, "automatically_finalizes_at": now + invoicing.HOUR, "next_payment_attempt": now + invoicing.HOUR}


def end_trial(world, subscription: dict) -> None:
    """The trial is over: charge, or without a card do what trial_settings says."""
    customer = world.the("customer", subscription["customer"])
    behaviour = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    has_card = methods.default_for(world, customer, subscription) is not None
    if has_card or behaviour == "create_invoice":
        renew(world, subscription)
    elif behaviour == "cancel":
        standing.end(world, subscription, "payment_failed")
    else:
        pause(world, subscription, "trial_end_without_payment_method")


def pause(world, subscription: dict, why: str) -> dict:
    """status=paused, with the reason where the endive API keeps it."""
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["status"] = "paused"
        subscription["status_details"] = {
            "paused": {
                "transitioned_at": world.now(subscription),
                "type": "subscription",
                "subscription": {"type": why},
            }
        }
    world.emit("customer.subscription.paused", subscription)
    return subscription


def warn_of_trial_end(world, subscription: dict) -> None:
    subscription["_trial_warned"] = True
    world.store.put(subscription)
    world.emit("customer.subscription.trial_will_end", subscription)


def upcoming(world, subscription: dict) -> None:
    """A week before a renewal: invoice.upcoming, whose invoice is only a preview."""
    subscription["_upcoming_for"] = next_end(subscription)
    world.store.put(subscription)
    world.emit("invoice.upcoming", preview(world, subscription))


def preview(world, subscription: dict) -> dict:
    """The next invoice as it would be, stored nowhere."""
    customer = world.the("customer", subscription["customer"])
    end = next_end(subscription)
    due = [item for item in items_of(subscription) if item["current_period_end"] == end]
    invoice = invoicing.build(
        world,
        customer,
        period_lines(world, subscription, due),
        subscription=subscription,
        billing_reason="upcoming",
        discounts=list(subscription["discounts"]),
        period_start=min(i["current_period_start"] for i in items_of(subscription)),
        period_end=end,
        next_payment_attempt=end + invoicing.HOUR,
    )
    invoice["id"] = "upcoming_" + invoice["id"]
    return invoice
