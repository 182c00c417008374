"""What happens at Stripe while processes die, and how it is told: late, twice, out of order, until it is answered 2xx."""

import contextlib
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import html5lib
import requests
import stripe

from sandbox import Sandbox
from sandbox.delivery import Signed

MONTH = 31 * 86400


@dataclass
class Reader:
    """An account's Customer at Stripe."""

    customer: str
    card: str
    subscriptions: list[str] = field(default_factory=list)


class Stripe:
    """Seeded life at Stripe, by the real SDK. Each method is one thing that a reader, her bank or the newsroom does."""

    def __init__(self, stand_in: Sandbox, seed: int) -> None:
        self.stand_in, self.random = stand_in, random.Random(seed)
        http = stripe.RequestsClient(timeout=30)
        self.client = stripe.StripeClient("sk_test_crash", base_addresses={"api": stand_in.url}, http_client=http).v1
        self.readers: list[Reader] = []
        self.prices: list[str] = []

    def settle_in(self, customers: list[str]) -> None:
        """Cards for the Customers that the application has made, and prices as `stripe plans sync` made them."""
        self.prices = [price.id for price in self.client.prices.list({"limit": 20}).data if price.recurring]
        for customer in customers:
            card = self.client.payment_methods.attach("pm_card_visa", {"customer": customer})
            self.client.customers.update(customer, {"invoice_settings": {"default_payment_method": card.id}})
            self.readers.append(Reader(customer, card.id))

    def act(self) -> None:
        """One thing, chosen by the seed. What Stripe refuses (nothing left to refund) is no matter."""
        reader = self.random.choice(self.readers)
        todo: list[Callable[[Reader], None]] = [
            *(self.subscribe, self.pay_once, self.refund, self.cancel, self.schedule_end, self.change, self.lose_card),
        ]
        with contextlib.suppress(stripe.InvalidRequestError):
            self.random.choices(todo, weights=(5, 3, 3, 2, 2, 2, 1))[0](reader)

    def subscribe(self, reader: Reader) -> None:
        if len(reader.subscriptions) >= 3:
            return self.change(reader)
        item = {"price": self.random.choice(self.prices)}
        made = self.client.subscriptions.create({"customer": reader.customer, "items": [item]})  # type: ignore[typeddict-item]
        reader.subscriptions.append(made.id)
        return None

    def pay_once(self, reader: Reader) -> None:
        """Money that no wish of ours asked for: it is booked as unknown."""
        self.client.payment_intents.create(
            {
                "amount": self.random.randrange(100, 9000),
                "currency": "usd",
                "customer": reader.customer,
                "payment_method": reader.card,
                "confirm": True,
                "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            }
        )

    def refund(self, reader: Reader) -> None:
        charges = [c for c in self.client.charges.list({"customer": reader.customer, "limit": 20}).data if c.amount_refunded < c.amount]
        if charges:
            charge = self.random.choice(charges)
            left = charge.amount - charge.amount_refunded
            self.client.refunds.create({"charge": charge.id, "amount": self.random.choice([left, max(1, left // 3)])})

    def cancel(self, reader: Reader) -> None:
        if reader.subscriptions:
            self.client.subscriptions.cancel(reader.subscriptions.pop(self.random.randrange(len(reader.subscriptions))))

    def schedule_end(self, reader: Reader) -> None:
        if reader.subscriptions:
            wanted = {"cancel_at_period_end": self.random.random() < 0.7}
            self.client.subscriptions.update(self.random.choice(reader.subscriptions), wanted)  # type: ignore[arg-type]

    def change(self, reader: Reader) -> None:
        if reader.subscriptions:
            found = self.client.subscriptions.retrieve(self.random.choice(reader.subscriptions))
            item = {"id": found["items"].data[0].id, "price": self.random.choice(self.prices)}
            self.client.subscriptions.update(found.id, {"items": [item], "proration_behavior": "always_invoice"})  # type: ignore[typeddict-item]

    def lose_card(self, reader: Reader) -> None:
        """Her next renewal will fail."""
        card = self.client.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": reader.customer})
        self.client.customers.update(reader.customer, {"invoice_settings": {"default_payment_method": card.id}})

    def let_a_month_pass(self) -> None:
        """Renewals, failed renewals and scheduled ends, all at once."""
        self.stand_in.advance(MONTH)


class Courier:
    """Delivers what the stand-in has to tell; keeps what was acknowledged."""

    def __init__(self, stand_in: Sandbox, url: str, seed: int, threads: int = 3) -> None:
        self.stand_in, self.url, self.random = stand_in, url, random.Random(seed)
        self.acknowledged: dict[str, str] = {}
        self.deliveries = self.refusals = 0
        self._waiting: list[Signed] = []
        self._told: list[Signed] = []
        self._busy = 0
        self._lock, self._stop = threading.Lock(), threading.Event()
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(threads)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=40)

    def idle(self) -> bool:
        """Is everything told?"""
        return self.untold() == 0

    def untold(self) -> int:
        """Deliveries that wait."""
        with self._lock:
            self._take()
            return len(self._waiting) + self._busy

    def _take(self) -> None:
        for one in self.stand_in.take_deliveries():
            self._waiting += [one] * self.random.choice([1, 1, 1, 1, 2, 3])

    def _next(self) -> Signed | None:
        """Any one of those that wait; now and then one that was acknowledged long ago."""
        with self._lock:
            self._take()
            if self._waiting:
                self._busy += 1
                return self._waiting.pop(self.random.randrange(len(self._waiting)))
            if self._told and self.random.random() < 0.02:
                self._busy += 1
                return self.random.choice(self._told)
            return None

    def _run(self) -> None:
        with requests.Session() as session:
            while not self._stop.is_set():
                one = self._next()
                if one is None:
                    self._stop.wait(0.02)
                    continue
                answered = self._post(session, one)
                with self._lock:
                    self._busy -= 1
                    if answered:
                        self.deliveries += 1
                        if one.id not in self.acknowledged:
                            self._told.append(one)
                        self.acknowledged[one.id] = one.type
                    else:
                        self.refusals += 1
                        self._waiting.append(one)
                if not answered:
                    self._stop.wait(0.1)

    def _post(self, session: requests.Session, one: Signed) -> bool:
        """True only when a whole 2xx came back: that is the acknowledgement that Stripe would have had."""
        try:
            answer = session.post(self.url, data=one.body, headers=one.headers, timeout=20)
        except requests.RequestException:
            return False
        return 200 <= answer.status_code < 300


class Person:
    """Somebody who pays through the pages, and presses the button again when the page does not come."""

    form, typed = "/contribute", {"frequency": "once", "suggested": ""}

    def __init__(self, stand_in: Sandbox, url: str, number: int, cookie: str = "") -> None:
        self.stand_in, self.url, self.number, self.cookie = stand_in, url, number, cookie
        self.email = f"{type(self).__name__.lower()}{number}@reader.example"
        self.headers = {"X-Forwarded-For": f"10.{len(self.form)}.{number % 250}.7"}

    def pay(self, until: float) -> None:
        with requests.Session() as browser:
            browser.headers.update(self.headers)
            if self.cookie:
                browser.cookies.set("session", self.cookie, domain="127.0.0.1", path="/")
            page = self._patiently(until, lambda: browser.get(f"{self.url}{self.form}", timeout=20), 200)
            send = f"{self.url}{self.form}/checkout"
            typed = {**fields(page.text, f"{self.form}/checkout"), **self.typed, **self.wish()}
            away = self._patiently(until, lambda: browser.post(send, data=typed, allow_redirects=False, timeout=20), 303)
            session_id = next(part for part in away.headers["Location"].replace("?", "/").split("/") if part.startswith("cs_"))
            self.stand_in.pay(session_id, email=self.email)

    def wish(self) -> dict[str, str]:
        """What she types."""
        return {"amount": f"{5 + self.number}.00", "email": self.email}

    def _patiently(self, until: float, ask: Callable[[], Any], wanted: int) -> Any:
        said = ""
        while time.monotonic() < until:
            try:
                answer = ask()
                if answer.status_code == wanted:
                    return answer
                said = f"{answer.status_code} {answer.text[:300]}"
            except requests.RequestException as error:
                said = type(error).__name__
            time.sleep(0.2)
        raise AssertionError(f"{self.email} got no answer: {said}")


class Giver(Person):
    """A guest who contributes."""


class Subscriber(Person):
    """A reader, signed in by ``cookie``, who subscribes."""

    form, typed = "/subscribe", {}

    def wish(self) -> dict[str, str]:
        return {"plan": ("reader-monthly", "reader-yearly")[self.number % 2]}


def fields(page: str, action: str) -> dict[str, str]:
    """The hidden fields of the form that goes to ``action``."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    form = next(form for form in tree.iter("form") if form.get("action") == action)
    hidden = (control for control in form.iter("input") if control.get("type") == "hidden")
    return {control.get("name"): control.get("value", "") for control in hidden}
