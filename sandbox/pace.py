"""python -m sandbox.pace: what a history costs, over loopback and without a socket."""

import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable

import stripe

from sandbox.direct import Direct
from sandbox.instance import Sandbox

DAY = 86400


def history(sandbox: Sandbox, client: stripe.StripeClient, timed: Callable[[str, Callable], object]) -> int:
    """A reader subscribes by Checkout, renews three times, fails once, is refunded in part; how many events were told."""
    api = client.v1
    timed("reset", sandbox.reset)
    product = api.products.create({"name": "Membership"})
    price = api.prices.create({"product": product.id, "unit_amount": 1000, "currency": "usd", "recurring": {"interval": "month"}})
    reader = api.customers.create({"email": "reader@reader.example"})

    def checkout() -> str:
        session = api.checkout.sessions.create(
            {
                "mode": "subscription",
                "customer": reader.id,
                "line_items": [{"price": price.id, "quantity": 1}],
                "success_url": "http://127.0.0.1:1/",
            }
        )
        sandbox.pay(session.id)
        found = api.checkout.sessions.retrieve(session.id, {"expand": ["subscription"]}).subscription
        assert isinstance(found, stripe.Subscription)
        return found.id

    subscription = str(timed("checkout", checkout))
    for _ in range(3):
        timed("renewal", lambda: sandbox.advance(31 * DAY + 7200))
    timed("GET", lambda: api.subscriptions.retrieve(subscription))
    key = {"Authorization": "Bearer sk_test_x"}
    timed("handle(GET)", lambda: sandbox.handle("GET", f"/v1/subscriptions/{subscription}", key))
    told = len(sandbox.take_deliveries())
    method = api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": reader.id})
    api.subscriptions.update(subscription, {"default_payment_method": method.id})
    timed("failure", lambda: sandbox.advance(31 * DAY + 7200))
    paid = [charge for charge in api.charges.list({"customer": reader.id}).data if charge.paid]
    timed("refund", lambda: api.refunds.create({"charge": paid[0].id, "amount": 300}))
    return told + len(sandbox.take_deliveries())


def measure(sandbox: Sandbox, client: stripe.StripeClient, rounds: int) -> dict[str, float]:
    """Medians in milliseconds of processor time, caller and sandbox together: other work on the machine counts less."""
    took: dict[str, list[float]] = defaultdict(list)

    def timed(name: str, deed: Callable) -> object:
        start = time.process_time()
        answer = deed()
        took[name].append((time.process_time() - start) * 1000)
        return answer

    history(sandbox, client, lambda name, deed: deed())  # the SDK's types are compiled once
    for _ in range(rounds):
        timed("history", lambda: history(sandbox, client, timed))
    assert sandbox.complaints == []
    return {name: statistics.median(values) for name, values in took.items()}


def main() -> int:
    with Sandbox(seed=1, webhook_secret="whsec_pace") as sandbox:
        for road, http in (("loopback", stripe.RequestsClient(timeout=20)), ("direct", Direct(sandbox))):
            client = stripe.StripeClient("sk_test_x", base_addresses={"api": sandbox.url}, http_client=http)
            found = measure(sandbox, client, 30)
            print(f"{road:9}" + "  ".join(f"{name} {ms:.2f} ms" for name, ms in found.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
