"""What readers, their banks, the newsroom and Stripe do: each method is one act. What Stripe refuses is no matter."""

import contextlib
from collections import Counter
from collections.abc import Callable
from typing import Any

import stripe

from sandbox.billing import disputes, refunds
from sandbox.driver import Declined
from sandbox.errors import StripeError
from tests.machine.stage import Stage

LIVE = ("active", "trialing", "past_due", "unpaid", "paused", "incomplete")
CARDS = ("4242424242424242", "4000000000007726", "4000000000005126", "4000000000000259", "4000000000001976")
DAY = 86400  # seconds
REFUSED = (stripe.InvalidRequestError, stripe.CardError, StripeError, Declined)


class Life:
    """Acts on one stage. ``who`` is a reader's number; which object is meant is a number too, taken modulo those there are."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.sandbox, self.stripe = stage, stage.sandbox, stage.stripe
        self.store = stage.sandbox.world.store

    # --- what there is -------------------------------------------------------------------------------------------------

    def customers(self) -> list[dict[str, Any]]:
        return [one for one in self.store.all("customer") if not one.get("_deleted")]

    def subscriptions(self, *statuses: str) -> list[dict[str, Any]]:
        return [one for one in self.store.all("subscription") if one["status"] in (statuses or LIVE)]

    def charges(self) -> list[dict[str, Any]]:
        return [one for one in self.store.all("charge") if one["status"] == "succeeded"]

    def on_notice(self) -> list[dict[str, Any]]:
        return [one for one in self.subscriptions() if one["cancel_at_period_end"] or one["cancel_at"]]

    def not_collected(self) -> list[dict[str, Any]]:
        return [one for one in self.subscriptions() if one["pause_collection"]]

    def refunds(self) -> list[dict[str, Any]]:
        return [one for one in self.store.all("refund") if one["status"] in ("succeeded", "pending")]

    def disputable(self) -> list[dict[str, Any]]:
        return [one for one in self.charges() if not one["disputed"] and not one["refunded"]]

    def disputes(self) -> list[dict[str, Any]]:
        return [one for one in self.store.all("dispute") if one["status"] not in disputes.FINAL]

    def overdue_for_several(self) -> int:
        """Subscriptions of which two bills of further periods or more were not paid when they were made."""
        late: Counter[str] = Counter()
        for one in self.store.all("invoice"):
            paid_at = one["status_transitions"]["paid_at"]
            if one["billing_reason"] == "subscription_cycle" and one["amount_due"] and (paid_at is None or paid_at > one["created"] + DAY):
                late[one["parent"]["subscription_details"]["subscription"]] += 1
        return sum(count > 1 for count in late.values())

    def prices(self) -> list[dict[str, Any]]:
        return [one for one in self.store.all("price") if one["active"] and one["lookup_key"]]

    def _do(self, act: Callable[[], Any]) -> Any:
        with contextlib.suppress(*REFUSED), self.sandbox.world.lock:
            return act()

    # --- through the application's own doors ---------------------------------------------------------------------------

    def subscribe(self, who: int, plan: str = "reader-monthly", card: str = CARDS[0]) -> str | None:
        """She presses the plan's button and pays; the Session's id, or None when there was nothing to pay or her card failed."""
        url = self._to_stripe(who, "/subscribe/checkout", {"plan": plan})
        return self._pay(url, card) if url else None

    def contribute(self, who: int | None, amount: int, *, monthly: bool = False, cover: bool = False, card: str = CARDS[0]) -> str | None:
        """A reader (or a guest: None) contributes ``amount`` dollars."""
        typed = {"frequency": "month" if monthly else "once", "suggested": "", "amount": f"{amount}.00", "email": "guest@machine.example"}
        # Each rendering of the form has its own number; the play counts them.
        typed |= {"attempt": f"{len(self.sandbox.world.log):032x}"} | ({"cover_fee": "y"} if cover else {})
        url = self._to_stripe(who, "/contribute/checkout", typed)
        return self._pay(url, card) if url else None

    def come_back(self, who: int, session_id: str) -> None:
        """She is sent back to the thanks page, which looks at Stripe itself."""
        browser, _csrf = self.stage.browser(who)
        answer = browser.get("/subscribe/thanks", query_string={"session_id": session_id})
        assert answer.status_code in (200, 303, 404), answer.status_code

    def _to_stripe(self, who: int | None, path: str, typed: dict[str, str]) -> str | None:
        browser, csrf = self.stage.browser(who)
        answer = browser.post(path, data={**typed, "csrf_token": csrf})
        # 502: Stripe refuses, for her Customer was deleted there and nobody has told us yet.
        gone = (502,) if any(one.get("_deleted") for one in self.store.all("customer")) else ()
        assert answer.status_code in (303, 422, 429, *gone), (path, answer.status_code, answer.get_data(as_text=True)[-2000:])
        url = answer.headers.get("Location", "")
        return url if "/cs_" in url or "cs_test" in url else None

    def _pay(self, url: str, card: str) -> str | None:
        session_id = next((part for part in url.replace("?", "/").replace("=", "/").split("/") if part.startswith("cs_")), None)
        found = self.sandbox.get(session_id) if session_id else None
        if found is None or found["status"] != "open":
            return session_id
        self._do(lambda: self.sandbox.pay(str(session_id), card=card))
        return session_id

    # --- at Stripe: the portal, the Dashboard, a bank --------------------------------------------------------------------

    def start_trial(self, which: int, days: int = 14) -> None:
        """Staff gives a Customer a trial."""
        if customers := self.customers():
            price = self.prices()[0]["id"]
            about = {"metadata": {"purpose": "subscription"}}
            asked = {"customer": customers[which % len(customers)]["id"], "items": [{"price": price}], "trial_period_days": days, **about}
            self._do(lambda: self._create(asked))

    def second_subscription(self, which: int) -> None:
        """One more for a Customer, and it is paid: what two tabs at once would have made."""
        if customers := self.customers():
            price = self.prices()[which % len(self.prices())]["id"]
            asked = {
                "customer": customers[which % len(customers)]["id"],
                "items": [{"price": price}],
                "metadata": {"purpose": "subscription"},
            }
            self._do(lambda: self._create(asked))

    def _create(self, asked: dict[str, Any]) -> None:
        """With a card of its own: Checkout leaves the reader's with her Subscription, not with her Customer."""
        card = self.stripe.payment_methods.attach("pm_card_visa", {"customer": asked["customer"]})
        self.stripe.subscriptions.create({**asked, "default_payment_method": card.id})

    def of(self, which: int, *statuses: str) -> dict[str, Any] | None:
        found = self.subscriptions(*statuses)
        return found[which % len(found)] if found else None

    def change(self, which: int, **params: Any) -> None:
        if found := self.of(which):
            self._do(lambda: self.stripe.subscriptions.update(found["id"], params))

    def swap(self, which: int, price: int) -> None:
        """Another plan, with proration."""
        if found := self.of(which, "active", "trialing", "past_due"):
            item = found["items"]["data"][0]["id"]
            wanted = self.prices()[price % len(self.prices())]["id"]
            self._do(lambda: self.stripe.subscriptions.update(found["id"], {"items": [{"id": item, "price": wanted}]}))

    def quantity(self, which: int, number: int) -> None:
        if found := self.of(which, "active", "trialing", "past_due"):
            item = found["items"]["data"][0]["id"]
            self._do(lambda: self.stripe.subscriptions.update(found["id"], {"items": [{"id": item, "quantity": number}]}))

    def pause(self, which: int) -> None:
        if found := self.of(which):
            self._do(lambda: self.stripe.subscriptions.pause(found["id"], {"type": "subscription"}))

    def resume(self, which: int) -> None:
        if found := self.of(which, "paused"):
            self._do(lambda: self.stripe.subscriptions.resume(found["id"], {"billing_cycle_anchor": {"type": "now"}}))

    def pause_collection(self, which: int, behavior: str) -> None:
        self.change(which, pause_collection={"behavior": behavior})

    def collect_again(self, which: int) -> None:
        if found := self.not_collected():
            self._do(lambda: self.stripe.subscriptions.update(found[which % len(found)]["id"], {"pause_collection": ""}))

    def cancel_at_period_end(self, which: int) -> None:
        self.change(which, cancel_at_period_end=True)

    def unset(self, which: int) -> None:
        """The end is taken back by an update, as the Dashboard does it."""
        if found := self.on_notice():
            one = found[which % len(found)]
            back = {"cancel_at_period_end": False} if one["cancel_at_period_end"] else {"cancel_at": ""}
            self._do(lambda: self.stripe.subscriptions.update(one["id"], back))

    def cancel_at(self, which: int, days: int) -> None:
        self.change(which, cancel_at=self.sandbox.world.now() + days * 86400)

    def portal_cancel(self, which: int) -> None:
        if found := self.of(which, "active", "trialing", "past_due"):
            self._do(lambda: self.sandbox.portal_cancel(found["id"]))

    def undo(self, which: int) -> None:
        if found := self.on_notice():
            self._do(lambda: self.sandbox.portal_undo(found[which % len(found)]["id"]))

    def cancel_now(self, which: int) -> None:
        if found := self.of(which):
            self._do(lambda: self.stripe.subscriptions.cancel(found["id"]))

    def delete_customer(self, which: int) -> None:
        if customers := self.customers():
            self._do(lambda: self.stripe.customers.delete(customers[which % len(customers)]["id"]))

    def lose_card(self, which: int) -> None:
        """Every later charge of it fails."""
        if customers := self.customers():
            customer = customers[which % len(customers)]["id"]

            def act() -> None:
                card = self.stripe.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer})
                self.stripe.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})
                for found in self.subscriptions():
                    if found["customer"] == customer:
                        self.stripe.subscriptions.update(found["id"], {"default_payment_method": card.id})

            self._do(act)

    def new_card(self, which: int) -> None:
        """In the portal; what is overdue is tried again at once."""
        if customers := self.customers():
            self._do(lambda: self.sandbox.portal_replace_card(customers[which % len(customers)]["id"]))
            for invoice in [one for one in self.store.all("invoice") if one["status"] == "open"]:
                self._do(lambda invoice=invoice: self.stripe.invoices.pay(invoice["id"]))

    def refund(self, which: int, part: bool = False) -> None:
        if charges := self.charges():
            charge = charges[which % len(charges)]
            left = charge["amount_captured"] - charge["amount_refunded"]
            amount = {"amount": max(1, left // 2)} if part else {}
            self._do(lambda: self.stripe.refunds.create({"charge": charge["id"], **amount}))

    def fail_refund(self, which: int) -> None:
        """The bank sends it back."""
        if found := self.refunds():
            self._do(lambda: refunds.fail(self.sandbox.world, found[which % len(found)]))

    def dispute(self, which: int, why: str = "fraudulent") -> None:
        if found := self.disputable():
            self._do(lambda: disputes.open_(self.sandbox.world, found[which % len(found)], why))

    def close_dispute(self, which: int, won: bool) -> None:
        if found := self.disputes():
            self._do(lambda: disputes.close(self.sandbox.world, found[which % len(found)], "won" if won else "lost"))
