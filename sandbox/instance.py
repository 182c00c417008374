"""The sandbox as an object: started in a thread for tests, driven by method calls."""

import socket
import threading
from collections.abc import Mapping

from werkzeug.serving import make_server

from sandbox import api, clocks, driver
from sandbox.billing import schedules
from sandbox.delivery import LOOPBACK, Signed, is_near
from sandbox.losses import Losses
from sandbox.pages import authenticate, portal
from sandbox.server import Connection, create_app
from sandbox.world import World


class Sandbox(Losses):
    """A stand-in for Stripe.

    With `forward_to`, signed events are posted there by a thread, with retries;
    without it they wait for `take_deliveries()`.
    """

    def __init__(
        self, *, seed: int | None = None, webhook_secret: str | None = None,
        forward_to: str | None = None, state: str | None = None, strict: bool = True,
        host: str = "127.0.0.1", port: int = 0,
    ):  # fmt: skip
        if host not in LOOPBACK:
            raise ValueError("the sandbox binds to loopback only")
        if forward_to and not is_near(forward_to):
            raise ValueError("the sandbox delivers to loopback only")
        if forward_to and not webhook_secret:
            raise ValueError("deliveries need a webhook secret (whsec_...)")
        self.world = World(seed=seed, state=state, strict=strict)
        self.world.delivery.secret = webhook_secret
        self.world.delivery.forward_to = forward_to
        self.app = create_app(self.world)
        self._host, self._port = host, port
        self.world.base_url = f"http://{host}:{port or 12111}"  # until it is started
        self._server = None
        self._thread: threading.Thread | None = None

    # --- life ---------------------------------------------------------------

    @property
    def url(self) -> str:
        return self.world.base_url

    def start(self) -> "Sandbox":
        """Serve on a free loopback port (or the one given) in a thread."""
        listening = socket.create_server((self._host, self._port))  # raises OSError when the port is taken
        port = listening.getsockname()[1]
        self._server = make_server(self._host, port, self.app, threaded=True, request_handler=Connection, fd=listening.fileno())
        listening.close()  # the server works on a copy; left open, a stopped sandbox would let callers wait
        self.world.base_url = f"http://{self._host}:{port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        self.world.delivery.start()
        return self

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        self.world.delivery.stop()
        self.world.store.close()

    def __enter__(self) -> "Sandbox":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reset(self) -> None:
        self.world.reset()

    def handle(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one call of /v1 in this thread, without a socket: (status, headers, body).

        It is the code that the server runs, faults included; `url` may be whole or begin at `/v1/`, `body` is
        form-encoded as stripe-python sends it. A simulated time-out or reset raises `sandbox.api.HungUp` (a
        ConnectionResetError) at once. The sandbox need not be started. `sandbox.direct.Direct` puts it under stripe-python.
        """
        answer = api.serve(self.world, method, url, headers or {}, body)
        return answer.status, answer.headers, answer.body

    # --- looking ------------------------------------------------------------

    @property
    def requests(self) -> list[dict]:
        """Everything asked of the API, in order."""
        return self.world.log

    @property
    def complaints(self) -> list[str]:
        """Faults of the sandbox itself; a test expects none."""
        return self.world.complaints

    def get(self, id_: str) -> dict | None:
        """The stored object of an id, as it is now."""
        return self.world.store.find(id_)

    def events(self) -> list[dict]:
        """All events so far, oldest first."""
        return list(self.world.store.all("event"))

    def take_deliveries(self, *, late: bool = False) -> list[Signed]:
        """Signed webhook requests that nobody has taken yet, faults applied; with `late` also those that are delayed."""
        return self.world.delivery.take(late=late)

    # --- doing --------------------------------------------------------------

    def pay(self, session_id: str, **typed: str) -> str:
        """Do what the person does on the Checkout page; the address she is sent to.

        Raises driver.Declined with the text shown on a decline.
        """
        with self.world.lock:
            try:
                return driver.pay(self.world, session_id, **typed)
            finally:
                self.world.store.flush()

    def portal_cancel(self, subscription_id: str, **words: str) -> dict:
        """Cancel at period end as the portal does: `cancel_at` alone."""
        with self.world.lock:
            return portal.cancel(self.world, self.world.need("subscription", subscription_id), **words)

    def portal_undo(self, subscription_id: str) -> dict:
        with self.world.lock:
            return portal.undo(self.world, self.world.need("subscription", subscription_id))

    def portal_change_plan(
        self, subscription_id: str, price_id: str, *, configuration: str | None = None, at_period_end: bool = False
    ) -> dict:
        """At once, or at the period's end where that is asked for or the named portal configuration says so."""
        with self.world.lock:
            world = self.world
            subscription, price = world.need("subscription", subscription_id), world.need("price", price_id)
            if at_period_end:
                schedules.change_at_period_end(world, subscription, price)
                return subscription
            named = world.need("billing_portal.configuration", configuration) if configuration else None
            return portal.change_plan(world, subscription, price, named)

    def portal_replace_card(self, customer_id: str, card: str = "4242424242424242") -> None:
        with self.world.lock:
            world, form = self.world, portal.CardForm(card, "12/34", "123", "Test Reader")
            customer = world.need("customer", customer_id)
            portal.replace_card(world, customer, portal.method_of(world, form, of=customer, email=customer["email"]))

    def authenticate(self, payment_intent_id: str, *, complete: bool = True) -> str:
        """Answer the simulated 3-D Secure step of a PaymentIntent."""
        with self.world.lock:
            intent = self.world.need("payment_intent", payment_intent_id)
            return authenticate.answer(self.world, intent, complete)

    def advance(self, seconds: int, clock: str | None = None) -> int:
        """Move the site's clock, or a test clock, forward; the time it then shows."""
        with self.world.lock:
            if clock is None:
                clocks.advance_site(self.world, self.world.now() + seconds)
                return self.world.now()
            found = self.world.need("test_helpers.test_clock", clock)
            clocks.advance(self.world, found, found["frozen_time"] + seconds)
            return found["frozen_time"]

    def freeze(self, at: int) -> None:
        """The site's clock stands at `at` (unix seconds) until `advance` moves it: the same history has the same times."""
        with self.world.lock:
            self.world.settings["frozen"] = at

    def tick(self) -> None:
        """Do what has fallen due by now (every API call does the same first)."""
        with self.world.lock:
            clocks.tick(self.world)
            self.world.store.flush()

    def settings(self, **values: object) -> dict:
        """The account's settings: `after_retries` = "cancel" | "unpaid" | "past_due"; `redelivery` = "live" (14 tries in three
        days) | "sandbox" (3 in hours). A reset forgets them."""
        with self.world.lock:
            return self.world.configure(values)

    def faults(self, **setup: object) -> None:
        """The knobs of POST /_sandbox/faults; without arguments all faults end."""
        self.world.faults.configure(
            {k.replace("reset_after_commit", "reset-after-commit").replace("sticky_500", "sticky-500"): v for k, v in setup.items()}
        )
