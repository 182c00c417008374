"""A token bucket in front of Stripe: its limit is 25 reads a second an endpoint, and a burst of events may ask for more."""

import threading
import time


class Bucket:
    """``rate`` tokens a second, at most ``burst`` saved up; ``take`` waits for one. One a process."""

    def __init__(self, rate: float, burst: int) -> None:
        self.rate, self.burst = rate, burst
        self._tokens, self._at = float(burst), time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Return when a token is there; each waiter is given its own instant, so that none starves."""
        with self._lock:
            now = time.monotonic()
            self._tokens = min(self.burst, self._tokens + (now - self._at) * self.rate)
            self._at = now
            self._tokens -= 1
            wait = -self._tokens / self.rate if self._tokens < 0 else 0.0
        if wait:
            time.sleep(wait)
