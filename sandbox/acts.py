"""What happens to customers and what people do, one line each: for histories in tests.

Every act is done at once, through the same rules as a call or a page, and tells its events. Ids go in;
the changed object comes out. Amounts are minor units, times unix seconds of the object's own clock.
"""

import contextlib
from collections.abc import Generator

from sandbox import clocks
from sandbox.billing import cards, changing, invoicing, methods, pausing, standing, subscribing
from sandbox.pages import portal
from sandbox.world import World

FAILS = "4000000000000341"
GOOD = "4242424242424242"
DAY = 86400


class Acts:
    """Mixed into Sandbox."""

    world: World

    @contextlib.contextmanager
    def _acting(self) -> Generator[World]:
        with self.world.lock:
            clocks.tick(self.world)
            yield self.world
            clocks.tick(self.world)
            self.world.store.flush()

    # --- subscriptions --------------------------------------------------------------------

    def subscribe(
        self, customer: str, price: str, *, card: str = GOOD, quantity: int = 1, trial_days: int = 0, metadata: dict | None = None
    ) -> dict:
        """A Subscription without any page, its first invoice paid by that card. Raises StripeError when the card declines."""
        with self._acting() as world:
            holder, number = world.need("customer", customer), world.need("price", price)
            method = self._card(holder, card)
            made = subscribing.create(
                world, holder, [(number, quantity, {})], metadata=dict(metadata or {}), default_payment_method=method["id"],
                trial_end=world.now(holder) + trial_days * DAY if trial_days else None,
            )  # fmt: skip
            invoice = subscribing.first_invoice(world, made)
            if invoice["status"] == "open":
                invoicing.pay(world, invoice, method)
            if made["status"] == "incomplete":
                made["status"] = "active"
            subscribing.announce(world, made)
            return made

    def renew(self, subscription: str) -> dict:
        """Move its clock to where its coming period is invoiced and the charge was tried."""
        found = self.world.need("subscription", subscription)
        self._go(found, max(0, subscribing.period_end(found) - self.world.now(found)) + invoicing.HOUR + 1)
        return found

    def retry(self, subscription: str) -> dict:
        """Move its clock to the next attempt at its unpaid invoice, or do nothing when none is planned."""
        found = self.world.need("subscription", subscription)
        planned = [
            i["next_payment_attempt"] for i in self.world.store.where("invoice", "subscription", subscription) if i["next_payment_attempt"]
        ]
        if planned:
            self._go(found, max(0, min(planned) - self.world.now(found)) + 1)
        return found

    def _go(self, obj: dict, seconds: int) -> None:
        with self._acting() as world:
            name = world.clock_of(obj)
            if name is None:
                clocks.advance_site(world, world.now() + seconds)
            else:
                clock = world.need("test_helpers.test_clock", name)
                clocks.advance(world, clock, clock["frozen_time"] + seconds)

    def swap_price(self, subscription: str, price: str, *, proration: str = "create_prorations") -> dict:
        """Another price on the first item; `proration` as `proration_behavior`."""
        return self._items(subscription, {"price": price}, proration)

    def set_quantity(self, subscription: str, quantity: int, *, proration: str = "create_prorations") -> dict:
        return self._items(subscription, {"quantity": quantity}, proration)

    def _items(self, subscription: str, entry: dict, proration: str) -> dict:
        with self._acting() as world:
            found = world.need("subscription", subscription)
            entry = {"id": subscribing.items_of(found)[0]["id"]} | entry
            with world.changing(found, "customer.subscription.updated"):
                after = changing.items(world, found, {"items": [entry], "proration_behavior": proration})
            if after:
                after()
            return found

    def pause(self, subscription: str) -> dict:
        """The endive way: status `paused`, the unused time credited."""
        with self._acting() as world:
            return pausing.pause(world, world.need("subscription", subscription), {})

    def resume(self, subscription: str) -> dict:
        with self._acting() as world:
            return pausing.resume(world, world.need("subscription", subscription), {})

    def pause_collection(self, subscription: str, behavior: str = "void", resumes_at: int | None = None) -> dict:
        """The older way: status stays as it is, invoices are voided, kept as drafts or marked uncollectible."""
        return self._set(subscription, pause_collection={"behavior": behavior, "resumes_at": resumes_at})

    def resume_collection(self, subscription: str) -> dict:
        return self._set(subscription, pause_collection=None)

    def _set(self, subscription: str, **values: object) -> dict:
        with self._acting() as world:
            found = world.need("subscription", subscription)
            with world.changing(found, "customer.subscription.updated"):
                found |= values
            return found

    def cancel_now(self, subscription: str) -> dict:
        with self._acting() as world:
            return standing.end(world, world.need("subscription", subscription), "cancellation_requested")

    def cancel_at_period_end(self, subscription: str) -> dict:
        """By the boolean; `portal_cancel` does it by `cancel_at` alone."""
        return self._schedule(subscription, {"cancel_at_period_end": True})

    def cancel_at(self, subscription: str, at: int) -> dict:
        return self._schedule(subscription, {"cancel_at": at})

    def undo_cancel(self, subscription: str) -> dict:
        """Whichever way the end was scheduled."""
        with self._acting() as world:
            return portal.undo(world, world.need("subscription", subscription))

    def _schedule(self, subscription: str, params: dict) -> dict:
        with self._acting() as world:
            found = world.need("subscription", subscription)
            with world.changing(found, "customer.subscription.updated"):
                changing.schedule_end(world, found, params)
            return found

    def delete_customer(self, customer: str) -> None:
        """Her subscriptions end at once, as at Stripe."""
        from sandbox.resources import customers

        with self._acting() as world:
            customers.delete_one(world, world.need("customer", customer))

    # --- cards -------------------------------------------------------------------------------

    def _card(self, customer: dict, number: str) -> dict:
        card = cards.numbered(number)
        assert card is not None, f"{number} is no test card"
        return methods.attach(self.world, methods.make_card(self.world, card, of=customer), customer)

    def use_card(self, customer: str, number: str = GOOD) -> dict:
        """Her default from now on, also of her subscriptions; nothing is charged."""
        with self._acting() as world:
            holder = world.need("customer", customer)
            method = self._card(holder, number)
            with world.changing(holder, "customer.updated"):
                holder["invoice_settings"]["default_payment_method"] = method["id"]
            for subscription in portal.live(world, holder):
                with world.changing(subscription, "customer.subscription.updated"):
                    subscription["default_payment_method"] = method["id"]
            return method

    def card_fails(self, customer: str) -> dict:
        """Every charge from now on is declined (4000 0000 0000 0341)."""
        return self.use_card(customer, FAILS)

    def card_works(self, customer: str) -> dict:
        """A good card again, and what is overdue is tried at once, as is the invoice of a change that waits."""
        method = self.use_card(customer, GOOD)
        with self._acting() as world:
            portal.retry_open(world, world.need("customer", customer), changes=True)
        return method

    def card_renewed_by_bank(self, payment_method: str, exp_year: int = 2040) -> dict:
        """The network told a new expiry: payment_method.automatically_updated."""
        with self._acting() as world:
            method = world.need("payment_method", payment_method)
            with world.changing(method, "payment_method.automatically_updated"):
                method["card"]["exp_year"] = exp_year
            return method
