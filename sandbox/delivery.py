"""Webhook deliveries: signed, at least once, retried with back-off for three days.

Where nobody named an address (tests), deliveries wait until they are taken, and
whoever takes them posts them in whatever order and number is to be tried.
"""

import dataclasses
import hashlib
import hmac
import json
import threading
import time
from urllib.parse import urlsplit

import requests

# Seconds between two tries: over three days of a live account, over a few hours of Stripe's own sandboxes.
BACKOFF = {
    "live": (5, 30, 120, 600, 1800, 3600, 7200, 14400, 28800, 43200, 43200, 43200, 43200),
    "sandbox": (600, 7200),
}

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def is_near(url: str) -> bool:
    """Whether an address is on this machine."""
    try:
        return urlsplit(url).hostname in LOOPBACK
    except ValueError:
        return False


@dataclasses.dataclass(frozen=True)
class Signed:
    """One webhook request, ready to be sent."""

    id: str
    type: str
    headers: dict[str, str]
    body: bytes

    @property
    def event(self) -> dict:
        return json.loads(self.body)


def signature(body: bytes, secret: str, at: int) -> str:
    mac = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={mac}"


def sign(event: dict, secret: str) -> Signed:
    body = json.dumps(event).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
        "Stripe-Signature": signature(body, secret, int(time.time())),
    }
    return Signed(event["id"], event["type"], headers, body)


class Delivery:
    def __init__(self, world):
        self.world = world
        self.forward_to: str | None = None
        self.secret: str | None = None
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    # --- what is due --------------------------------------------------------

    def targets(self, event_type: str) -> list[tuple[str | None, str]]:
        """(address, secret) of every endpoint on this machine that wants this type.

        Others can be registered, as at Stripe, but nothing simulated goes out into the world.
        """
        found: list[tuple[str | None, str]] = []
        if self.secret:
            found.append((self.forward_to, self.secret))
        for endpoint in self.world.store.all("webhook_endpoint"):
            wanted = endpoint["enabled_events"]
            if endpoint["status"] == "enabled" and ("*" in wanted or event_type in wanted) and is_near(endpoint["url"]):
                found.append((endpoint["url"], endpoint["_secret"]))
        return found

    def queue(self, event: dict) -> None:
        for url, secret in self.targets(event["type"]):
            event["pending_webhooks"] += 1
            if not self.world.faults.dropped():
                self._enqueue(event, url, secret)
        self._wake.set()

    def _enqueue(self, event: dict, url: str | None, secret: str) -> None:
        self.world.store.put(
            {
                "object": "_delivery",
                "id": self.world.ids.new("_delivery"),
                "event": event["id"],
                "url": url,
                "secret": secret,
                "attempts": 0,
                "next_at": time.time() + self.world.faults.delay(),
                "last_error": None,
            }
        )

    def resend(self, event: dict) -> None:
        """What `POST /v1/events/{id}/retry` does: once more to every endpoint."""
        for url, secret in self.targets(event["type"]):
            self._enqueue(event, url, secret)
        self._wake.set()

    def take(self, *, late: bool = False) -> list[Signed]:
        """Everything that waits for nobody's address, signed now, with the faults applied."""
        with self.world.lock:
            waiting = [d for d in self.world.store.all("_delivery") if d["url"] is None]
            waiting = [d for d in waiting if late or d["next_at"] <= time.time()]
            for delivery in waiting:
                self._done(delivery)
            return [self._signed(d) for d in self.world.faults.arrange(waiting)]

    def _signed(self, delivery: dict) -> Signed:
        return sign(self.world.the("event", delivery["event"]), delivery["secret"])

    # --- sending ------------------------------------------------------------

    def send_due(self, *, everything: bool = False) -> dict[str, int]:
        """Post what is due (or all that waits); counts of delivered and failed."""
        with self.world.lock:
            rows = [d for d in self.world.store.all("_delivery") if d["url"]]
            due = [d for d in rows if everything or d["next_at"] <= time.time()]
            batch = [(d, self._signed(d)) for d in self.world.faults.arrange(due)]
        counts = {"delivered": 0, "failed": 0}
        for delivery, request in batch:
            error = self._post(delivery["url"], request)
            counts["failed" if error else "delivered"] += 1
            with self.world.lock:
                self._failed(delivery, error) if error else self._done(delivery)
                self.world.store.flush()
        return counts

    def _post(self, url: str, request: Signed) -> str | None:
        try:
            with requests.Session() as session:
                session.trust_env = False  # no proxy of the environment is asked for what stays on this machine
                answer = session.post(url, data=request.body, headers=request.headers, timeout=20, allow_redirects=False)
        except requests.RequestException as error:
            return type(error).__name__
        return None if 200 <= answer.status_code < 300 else f"HTTP {answer.status_code}"

    def _done(self, delivery: dict) -> None:
        event = self.world.store.get("event", delivery["event"])
        if event and self.world.store.get("_delivery", delivery["id"]):
            event["pending_webhooks"] = max(0, event["pending_webhooks"] - 1)
        self.world.store.drop(delivery)

    def _failed(self, delivery: dict, error: str) -> None:
        if not self.world.store.get("_delivery", delivery["id"]):
            return  # its twin was delivered meanwhile, or the sandbox was reset
        attempt, pauses = delivery["attempts"], BACKOFF[self.world.settings.get("redelivery", "live")]
        delivery |= {"attempts": attempt + 1, "last_error": error}
        if attempt < len(pauses):
            delivery["next_at"] = time.time() + pauses[attempt]
        else:
            self.world.store.drop(delivery)
            return
        self.world.store.put(delivery)

    def forget(self) -> None:
        self._wake.set()

    # --- the thread ---------------------------------------------------------

    def start(self) -> None:
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="sandbox-delivery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._wake.set()
        if self._thread:
            self._thread.join(timeout=25)

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(timeout=0.5)
            self._wake.clear()
            if self._stopping:
                return
            # A breath: the answer to the call that caused the event usually wins the race.
            time.sleep(0.02)
            self.send_due()
