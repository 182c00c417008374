"""stripe-python's transport without a socket: for tests that make very many calls.

    client = stripe.StripeClient("sk_test_x", base_addresses={"api": sandbox.url}, http_client=Direct(sandbox))

Every call runs in the caller's own thread, through the same code as a call that came over loopback. A simulated
time-out costs no time.
"""

from collections.abc import Mapping
from typing import Any

import stripe

from sandbox.api import HungUp
from sandbox.instance import Sandbox


class Direct(stripe.HTTPClient):
    """Give it as `http_client` to a StripeClient, together with the Sandbox that has to answer."""

    name = "direct"

    def __init__(self, sandbox: Sandbox):
        super().__init__()
        self._sandbox = sandbox

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        try:
            status, answered, body = self._sandbox.handle(method, url, headers, post_data)
        except HungUp as fault:
            raise stripe.APIConnectionError(f"Unexpected error communicating with Stripe. ({fault})", should_retry=True) from fault
        return body.decode(), status, answered

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0  # nobody has to be spared here

    def close(self) -> None:
        pass
