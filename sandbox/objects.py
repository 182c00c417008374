"""Making and showing objects: blank skeletons, ids with Stripe's prefixes, the public view."""

import json
import marshal
import random
import string
from functools import cache
from pathlib import Path
from typing import Any

import stripe

from sandbox import limits

# The version that every answer and event speaks: the SDK's own pin.
API_VERSION = stripe.api_version

FIRST_PAGE = 10  # how many entries a list inside an object shows
_FOLDER = Path(__file__).parent / "skeletons"
_ALPHABET = string.ascii_letters + string.digits

# object -> (prefix of its ids, number of characters after it)
PREFIXES = {
    "account": ("acct_1", 15),
    "balance_transaction": ("txn_1", 23),
    "billing_portal.configuration": ("bpc_1", 23),
    "billing_portal.session": ("bps_1", 23),
    "charge": ("ch_3", 23),
    "checkout.session": ("cs_test_a1", 56),
    "coupon": ("", 8),
    "credit_note": ("cn_1", 23),
    "credit_note_line_item": ("cnli_1", 23),
    "customer": ("cus_", 14),
    "discount": ("di_1", 23),
    "dispute": ("dp_1", 23),
    "event": ("evt_1", 23),
    "invoice": ("in_1", 23),
    "invoice_payment": ("inpay_1", 23),
    "invoiceitem": ("ii_1", 23),
    "item": ("li_1", 23),
    "line_item": ("il_1", 23),
    "payment_intent": ("pi_3", 23),
    "payment_method": ("pm_1", 23),
    "payment_link": ("plink_1", 23),
    "payout": ("po_1", 23),
    "plan": ("plan_", 14),
    "price": ("price_1", 23),
    "product": ("prod_", 14),
    "promotion_code": ("promo_1", 23),
    "radar.early_fraud_warning": ("issfr_1", 23),
    "refund": ("re_3", 23),
    "review": ("prv_1", 23),
    "setup_intent": ("seti_1", 23),
    "subscription": ("sub_1", 23),
    "subscription_item": ("si_", 14),
    "subscription_schedule": ("sub_sched_1", 23),
    "tax_rate": ("txr_1", 23),
    "test_helpers.test_clock": ("clock_1", 23),
    "topup": ("tu_1", 23),
    "webhook_endpoint": ("we_1", 23),
}


class Ids:
    """Ids of Stripe's form; the same seed gives the same ids."""

    def __init__(self, seed: int | None = None):
        self.random = random.Random(seed)

    def token(self, length: int) -> str:
        return "".join(self.random.choices(_ALPHABET, k=length))

    def new(self, kind: str) -> str:
        prefix, length = PREFIXES.get(kind, (kind.split(".")[-1][:5] + "_", 24))
        return prefix + self.token(length)


@cache
def _skeleton(kind: str) -> bytes:
    # marshal makes a deep copy faster than anything else of the standard library.
    return marshal.dumps(json.loads((_FOLDER / f"{kind}.json").read_text("utf-8")))


def blank(kind: str, **values: object) -> dict:
    """A fresh object with every key that Stripe answers with, and the values given."""
    return marshal.loads(_skeleton(kind)) | values  # noqa: S302 - bytes made one line above


def public(obj: dict) -> dict:
    """A deep copy without the sandbox's own notes (keys that start with an underscore)."""
    return {k: v if type(v) in _ATOMS else _public(v) for k, v in obj.items() if not k.startswith("_")}


def shown(obj: dict) -> dict:
    """What an answer or an event shows: the public view, whose inner lists are cut at ten and say so."""
    view = public(obj)
    for one in view["data"] if view.get("object") in ("list", "search_result") else [view]:
        for inner in one.values():
            if isinstance(inner, dict) and inner.get("object") == "list" and len(inner["data"]) > FIRST_PAGE:
                inner |= {"data": inner["data"][:FIRST_PAGE], "has_more": True}
    return view


def tombstone(obj: dict) -> dict:
    """All that is left of a deleted object."""
    return {"id": obj["id"], "object": obj["object"], "deleted": True}


_ATOMS = frozenset({str, int, bool, float, type(None)})


def _public(value: object) -> object:
    if isinstance(value, dict):
        return public(value)
    if isinstance(value, list):
        return [v if type(v) in _ATOMS else _public(v) for v in value]
    return value


def difference(before: dict, after: dict) -> dict:
    """Stripe's previous_attributes: the old values of what changed, hash by hash."""
    old: dict[str, object] = {}
    for key in before.keys() | after.keys():
        was, now = before.get(key), after.get(key)
        if was == now:
            continue
        if isinstance(was, dict) and isinstance(now, dict) and was.get("object") != "list":
            old[key] = difference(was, now)
        else:
            old[key] = was
    return old


def list_object(data: list, url: str, *, has_more: bool = False) -> dict:
    return {"object": "list", "data": data, "has_more": has_more, "url": url}


def put_fields(obj: dict, params: dict, *names: str) -> None:
    """Copy what was given; an empty string clears, as in Stripe's API."""
    for name in names:
        if name in params:
            obj[name] = None if params[name] == "" else plain(params[name])


def plain(value: Any) -> Any:
    """A deep copy of what was given, to be kept as it is: all of it has been looked at."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list) else value


def put_metadata(obj: dict, params: dict) -> None:
    """Metadata is merged key by key; an empty value removes a key, an empty string all."""
    given = params.get("metadata")
    if given is None:
        return
    if given == "":
        obj["metadata"] = {}
        return
    merged = dict(obj.get("metadata") or {}) | dict(given)
    kept = {k: v for k, v in merged.items() if v != ""}
    limits.metadata(kept, "metadata")
    obj["metadata"] = kept
