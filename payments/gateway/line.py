"""The line to Stripe: one client a process, paced, patient; its exceptions turned into ours.

All reads are made with the API version that the SDK is pinned to, whatever version an event was written in.
"""

import contextlib
import random
import time
from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import stripe
import structlog
from flask import Flask, current_app, has_request_context

from kit import clock
from payments.gateway.hurry import Hurried, seconds_left, too_late
from payments.pacing import Breaker, Bucket, burst, share

API_VERSION = "2026-10-28.endive"  # the one that the suite passed with; a new SDK is taken up on purpose
PATIENCE, WEB_PATIENCE = 30.0, 1.0  # seconds that a job, a page waits out Stripe's rate limit
FIRST_PAUSE = 0.25  # seconds; it doubles
TO_ANSWER = 1.0  # seconds of a page's time that are Stripe's, however long the page waits for its turn
TIMEOUT, WEB_TIMEOUT = (3, 20), (1, 2.5)  # connect, read

log = structlog.get_logger("payments.gateway")

Object = dict[str, Any]


class GatewayUnavailable(Exception):
    """Stripe did not answer, or not now. What was asked may have happened: ask again with the same key.

    ``others``: it answers others meanwhile, so what was asked for may be what it stumbles over.
    """

    def __init__(self, message: str, *, others: bool = False) -> None:
        super().__init__(message)
        self.others = others


class KeyRefused(GatewayUnavailable):
    """Stripe refuses our key, or this to our key (``others``). Nothing is wrong with what we asked: an operator must
    mend the key, and then the same will work."""


class NotAsked(GatewayUnavailable):
    """Stripe was not asked at all, this time: it did not answer others just now, or we ask too much."""


class GatewayRefused(Exception):
    """Stripe understood and said no. ``code`` is Stripe's (``resource_missing``, ``card_declined`` ...) or ""."""

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code

    @property
    def unknown(self) -> bool:
        """Stripe does not have what we named (its Customer, its Subscription): asking again will not help."""
        return self.code == "resource_missing" and str(self).startswith("No such ")


def init_app(app: Flask) -> None:
    """Refuse to start with an SDK that speaks a version nobody tested."""
    if stripe.api_version != API_VERSION:
        raise SystemExit(f"stripe-python speaks {stripe.api_version}; this release is tested with {API_VERSION}. Install requirements.txt.")


def client() -> stripe.StripeClient:
    """The client for this process; a request's gives up sooner than a job's."""
    page = has_request_context()
    name = "stripe_client_web" if page else "stripe_client"
    if name not in current_app.extensions:
        config = current_app.config
        hurried: Any = Hurried() if page else None  # the SDK asks for no more of a session than this has
        current_app.extensions[name] = stripe.StripeClient(
            config["STRIPE_SECRET_KEY"],
            stripe_account=config["STRIPE_ACCOUNT"] or None,
            stripe_version=API_VERSION,
            base_addresses={"api": config["STRIPE_API_BASE"]} if config["STRIPE_API_BASE"] else None,
            max_network_retries=1 if page else 2,
            http_client=stripe.RequestsClient(timeout=WEB_TIMEOUT if page else TIMEOUT, session=hurried),
        )
    return current_app.extensions[name]


def forget_client() -> None:
    """Make clients anew at their next use (settings changed, or a test moved Stripe's address)."""
    for name in ("stripe_client", "stripe_client_web", "stripe_bucket", "stripe_bucket_web", "stripe_breaker"):
        current_app.extensions.pop(name, None)


def address() -> str:
    """Whom we ask: Stripe, or (in development) what stands in for it."""
    return current_app.config["STRIPE_API_BASE"] or stripe.DEFAULT_API_BASE


def live() -> bool:
    """Is our key a live one? Events of the other mode are not ours."""
    return "_live_" in current_app.config["STRIPE_SECRET_KEY"]


def ask(call: Callable[[], Any]) -> Any:
    """Run one SDK call: paced, patient with 429 (the SDK is not), its exceptions turned into ours."""
    page, breaker = has_request_context(), _breaker()
    if breaker.is_open():  # a job that waited for it would keep its place from mails that have nothing to do with Stripe
        raise NotAsked("Stripe did not answer just now")
    if page and too_late():
        raise NotAsked("this page has waited long enough")
    until = time.monotonic() + (WEB_PATIENCE if page else PATIENCE)
    pause = FIRST_PAUSE
    while True:
        if not _bucket().take(seconds_left() - TO_ANSWER if page else None):
            raise NotAsked("too many calls at once")
        try:
            answer = call()
            breaker.answered()
            _note_time(getattr(answer, "last_response", None))
            return answer
        except stripe.RateLimitError as error:
            breaker.answered()
            wait = max(pause * random.uniform(0.5, 1.5), _asked_to_wait(error))  # noqa: S311 - jitter, not a secret
            if time.monotonic() + max(wait, pause) > until:
                raise GatewayUnavailable("Stripe asks us to slow down") from error
            time.sleep(wait)
            pause = min(pause * 2, 8)
        except stripe.StripeError as error:
            _note_time(error)
            raise _trouble(error, breaker) from error


def _note_time(answer: Any) -> None:
    """An answer's Date (RFC 9110, 6.6.1: when it was made, to the second) against this machine's clock. Only Stripe's own
    answers have a Request-Id: what a proxy says for it has the time of who knows whom."""
    found = {name.lower(): value for name, value in (getattr(answer, "headers", None) or {}).items()}
    if "date" not in found or "request-id" not in found:
        return
    with contextlib.suppress(TypeError, ValueError):
        current_app.extensions["stripe_skew"] = clock.told() - parsedate_to_datetime(str(found["date"]))


def skew() -> timedelta | None:
    """By how much this machine's clock was ahead of Stripe's at its last answer (negative: behind); None before there was one."""
    return current_app.extensions.get("stripe_skew")


def ask_time() -> timedelta | None:
    """As ``skew``, by asking now; None where nobody answers. What else it answers, and whether our key may ask it, is no matter."""
    current_app.extensions.pop("stripe_skew", None)
    with contextlib.suppress(GatewayUnavailable, GatewayRefused):
        ask(lambda: client().v1.events.list({"limit": 1}))
    return skew()


def _asked_to_wait(error: stripe.RateLimitError) -> float:
    """Seconds, by Stripe's Retry-After; 0 where it says none. The SDK no longer reads it."""
    said = str((error.headers or {}).get("Retry-After", ""))
    return float(said) if said.isascii() and said.isdigit() else 0.0


def _trouble(error: stripe.StripeError, breaker: Breaker) -> Exception:
    status = error.http_status or 0
    if isinstance(error, stripe.APIConnectionError) or status >= 500 or not status:
        breaker.failed()
        nobody = f" {status}" if status else " (nobody answers there)"
        return GatewayUnavailable(f"{address()}: {type(error).__name__}{nobody}", others=breaker.answers_others())
    breaker.answered()
    if isinstance(error, stripe.AuthenticationError | stripe.PermissionError):
        log.error("stripe refuses our key", error=error.user_message)
        may_not = isinstance(error, stripe.PermissionError)
        return KeyRefused(f"Stripe refuses our key: {error.user_message}" if may_not else "Stripe refuses our key", others=may_not)
    if status == 409:
        return GatewayUnavailable(f"{type(error).__name__} {status}", others=True)
    return GatewayRefused(str(error.user_message or error), error.code or _kind(error))


def _kind(error: stripe.StripeError) -> str:
    return "idempotency_error" if isinstance(error, stripe.IdempotencyError) else ""


def _bucket() -> Bucket:
    """This process's share of the calls a second that the site allows itself."""
    page = has_request_context()
    name = "stripe_bucket_web" if page else "stripe_bucket"
    if name not in current_app.extensions:
        rate, processes = current_app.config["STRIPE_RATE"], current_app.config["WEB_CONCURRENCY"]
        current_app.extensions[name] = Bucket(share(rate, processes, page=page), burst(rate, processes, page=page))
    return current_app.extensions[name]


def _breaker() -> Breaker:
    return current_app.extensions.setdefault("stripe_breaker", Breaker())
