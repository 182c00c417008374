"""Guests who contribute, for this room's tests: each step as she does it, in the browser and on Stripe's page."""

from typing import Any

GUEST = {"suggested": "", "amount": "25.00", "frequency": "once", "email": "gus@guest.example"}


def contribute(browser: Any, sandbox: Any, card: str = "4242424242424242", **typed: str) -> str:
    """Contribute 25 dollars and pay; the address she is sent back to. Nothing is told to us yet."""
    browser.get("/contribute")
    answer = browser.submit("/contribute/checkout", **{**GUEST, **typed})
    assert answer.status == 303, answer.text
    location = answer.headers["Location"]
    session_id = next(one["id"] for one in sandbox.world.store.all("checkout.session") if one["url"] == location)
    return sandbox.pay(session_id, card=card, email=typed.get("email", GUEST["email"])).removeprefix("http://localhost")
