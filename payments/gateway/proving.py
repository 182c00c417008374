"""What became of a call that nobody answered: found by looking at Stripe, without asking for it again."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from payments.calls import Asked
from payments.domain import calls as rules
from payments.gateway.line import GatewayRefused, Object, ask, client
from payments.gateway.reading import pages

MOST = 2000  # objects of one kind and day that are looked through

# How to list what may hold a made object, where "made at that time" does not narrow it enough.
_NARROW = {
    "refunds": lambda params: {"charge": params["charge"]} if "charge" in params else {"payment_intent": params["payment_intent"]},
    "prices": lambda params: {"lookup_keys": [params["lookup_key"]]} if "lookup_key" in params else {},
    "customers": lambda params: {"email": params["email"]} if "email" in params else {},
}


class CannotTell(Exception):
    """Nothing at Stripe says whether this happened: staff decides."""


def happened(asked: Asked) -> Object | None:
    """The object that this call made or changed, as it is now; None if it certainly did not happen.

    Raises CannotTell, GatewayUnavailable.
    """
    if asked.subject:
        return _changed(asked)
    if asked.params.get("id"):  # a coupon's id, for example, is ours to give
        return retrieved(_resource(asked), asked.params["id"])
    return _made(asked)


def present(asked: Asked) -> Object | None:
    """What an answered call made, as it is now; None when Stripe has it no more."""
    return retrieved(_resource(asked), asked.object_id, asked.params.get("expand"))


def retrieved(resource: Any, object_id: str, expand: Any = None) -> Object | None:
    """One object of a resource of the SDK (``client().v1.coupons``); None when Stripe does not have it."""
    try:
        return ask(partial(resource.retrieve, object_id, {"expand": expand} if expand else {})).to_dict()
    except GatewayRefused as error:
        if error.code == "resource_missing":
            return None
        raise


def _changed(asked: Asked) -> Object | None:
    found = retrieved(_resource(asked), asked.subject, asked.params.get("expand"))
    if found is None or found.get("deleted"):
        return None
    did = rules.done_to(asked.verb, asked.params, found)
    if did is None:
        raise CannotTell(asked.kind)
    return found if did else None


def _made(asked: Asked) -> Object | None:
    if asked.params.get("from_subscription"):
        found = retrieved(client().v1.subscriptions, asked.params["from_subscription"])
        return retrieved(_resource(asked), found["schedule"]) if found and found.get("schedule") else None
    mark = rules.mark_of(asked.params)
    if mark is None:
        raise CannotTell(asked.kind)
    for number, found in enumerate(_candidates(asked)):
        if rules.bears(found, mark):
            return found
        if number >= MOST:
            raise CannotTell(asked.kind)
    return None


def _candidates(asked: Asked) -> Iterator[Object]:
    name = asked.kind.rpartition(".")[0]
    narrow = _NARROW.get(name, lambda _params: {})(asked.params)
    if name == "webhook_endpoints":
        return pages(_resource(asked).list, {})
    # Some minutes to spare, for a clock of ours that is not Stripe's.
    since, until = asked.created_at - timedelta(minutes=10), asked.created_at + timedelta(hours=25)
    return pages(_resource(asked).list, {**narrow, "created": {"gte": int(since.timestamp()), "lte": int(until.timestamp())}})


def _resource(asked: Asked) -> Any:
    """The SDK's resource that a kind belongs to: ``checkout.sessions`` of ``checkout.sessions.create``."""
    found: Any = client().v1
    for name in asked.kind.split(".")[:-1]:
        found = getattr(found, name)
    return found
