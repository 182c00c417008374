"""A page's road to Stripe: whoever pressed a button hears within six seconds, however many questions the page asks.

Time-outs of one call do not give that: a page asks several, each may be tried twice, and each try first connects and
then waits. So each try waits for what is left of the page's own time.
"""

import threading
import time
from typing import Any

import requests
from flask import request

ANSWER_WITHIN = 5.4  # seconds from a page's first question; the SDK may pause for half a second in addition


def seconds_left() -> float:
    """Of the time that this page may spend on asking Stripe; it runs from the first question."""
    since = request.environ.setdefault("payments.asks_since", time.monotonic())
    return ANSWER_WITHIN - (time.monotonic() - since)


def too_late() -> bool:
    """Is there no time left in which anybody could answer?"""
    return seconds_left() < 0.05


class Hurried:
    """What the SDK's RequestsClient takes as its session: one ``requests.Session`` a thread (they are not shared safely)."""

    def __init__(self) -> None:
        self._threads = threading.local()

    def request(self, method: str, url: str, *, timeout: tuple[float, float], **options: Any) -> requests.Response:
        """``timeout``: (connect, read) in seconds, at most; both together end when the page's time does."""
        if too_late():
            raise requests.Timeout("this page has waited long enough")
        left = seconds_left()
        connect = min(timeout[0], left / 3)
        return self._session().request(method, url, timeout=(connect, min(timeout[1], left - connect)), **options)

    def _session(self) -> requests.Session:
        if not hasattr(self._threads, "session"):
            self._threads.session = requests.Session()
        return self._threads.session

    def close(self) -> None:
        """The sockets of this thread."""
        self._session().close()
