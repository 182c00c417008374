"""Pace in front of Stripe: a token bucket, how its rate is shared among processes, and a breaker for when nobody answers."""

import threading
import time

LONGEST_CALL = 90.0  # seconds; a job's three tries with their time-outs take some seventy
WORKER_SHARE = 0.7  # of the site's rate: bursts of events are looked up by the worker, a page asks once or twice


def share(rate: float, web_processes: int, *, page: bool) -> float:
    """Calls a second for this process, of the ``rate`` of the whole site: the worker has most, pages share the rest."""
    return rate * (1 - WORKER_SHARE) / max(1, web_processes) if page else rate * WORKER_SHARE


def burst(rate: float, web_processes: int, *, page: bool) -> float:
    """Calls that this process may save up: all of them together a quarter of the site's ``rate``, as far as each has one.

    So no second sees more than five quarters of the rate, which is Stripe's own limit. Pages have it: there somebody waits.
    """
    return max(1.0, (rate / 4 - 1) / max(1, web_processes)) if page else 1.0


class Bucket:
    """``rate`` tokens a second, at most ``burst`` saved up; ``take`` waits for one. One a process."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._at = float(burst), time.monotonic()
        self._lock = threading.Lock()

    def take(self, patience: float | None = None) -> bool:
        """True when a token is there; each waiter is given its own instant, so that none starves.

        False, at once and without a token, where it would take more than ``patience`` seconds.
        """
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
            wait = max(0.0, (1 - self._tokens) / self.rate)
            if patience is not None and wait > max(0.0, patience):
                return False
            self._tokens -= 1
        if wait:
            time.sleep(wait)
        return True


class Breaker:
    """After ``most`` calls in a row without an answer, ``is_open``: one caller tries each ``pause`` seconds, alone."""

    def __init__(self, most: int = 5, pause: float = 10.0) -> None:
        self.most, self.pause = most, pause
        self._failures, self._until, self._heard = 0, 0.0, False
        self._lock = threading.Lock()

    def is_open(self) -> bool:
        """Should nobody ask now? The first who comes after the pause is told no; the others wait for what becomes of that."""
        with self._lock:
            if self._failures < self.most:
                return False
            now = time.monotonic()
            if now < self._until:
                return True
            self._until = now + LONGEST_CALL  # unless an answer, or none, comes first
            return False

    def answers_others(self) -> bool:
        """Was anybody answered, and not too long ago? Then one call that was not may be the fault of what it asked for."""
        with self._lock:
            return self._heard and self._failures < self.most

    def answered(self) -> None:
        """Somebody was answered, be it with a no."""
        with self._lock:
            self._failures, self._heard = 0, True

    def failed(self) -> None:
        """No answer, or one that says that Stripe is in trouble."""
        with self._lock:
            self._failures += 1
            if self._failures >= self.most:
                self._until = time.monotonic() + self.pause
