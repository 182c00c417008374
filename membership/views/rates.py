"""How often somebody may try: by the address typed, by network, and for everybody together (safety A01, A02, N05)."""

from collections.abc import Callable
from typing import Any

from flask import session

from kit.limits import client_network, form_email, limiter
from membership.sessions import digest


def _limits(*rates: tuple[str, Callable[[], str]]) -> Callable[[Any], Any]:
    def limited(view: Any) -> Any:
        for rate, key in rates:
            view = limiter.limit(rate, key_func=key, methods=["POST"])(view)
        return view

    return limited


def everybody() -> str:
    """One count for the whole site."""
    return "everybody"


def this_session() -> str:
    """The signed-in device, without asking the database: a limit is counted before the request's own transaction."""
    return digest(str(session.get("_user_id", "")))


tries = _limits(("1000 per 5 minutes", everybody), ("60 per 5 minutes", client_network), ("10 per 5 minutes; 100 per day", form_email))
mails = _limits(("1000 per 5 minutes", everybody), ("30 per 5 minutes", client_network), ("5 per 15 minutes; 20 per day", form_email))
own_tries = _limits(("10 per 5 minutes; 100 per day", this_session))
