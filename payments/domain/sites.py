"""Whose an object at Stripe is where several sites share an account there: each site puts its name into what it makes."""

from typing import Any
from urllib.parse import urlsplit

SITE = "site"  # in ``metadata``


def name(public_url: str) -> str:
    """What a site is called at Stripe: its PUBLIC_URL without the scheme, which may change while the site does not."""
    found = urlsplit(public_url)
    return f"{found.netloc}{found.path}".rstrip("/")


def marked(params: Any, site: str) -> Any:
    """The parameters of a call with the site's name in every ``metadata`` that they have, however deep."""
    return _each(params, lambda metadata: {**metadata, SITE: site})


def unmarked(params: Any) -> Any:
    """The same without it: what is asked for does not depend on what the site is called, nor on since when it says so."""
    return _each(params, lambda metadata: {key: value for key, value in metadata.items() if key != SITE})


def said_by(*found: dict[str, Any] | None) -> dict[str, Any]:
    """All that is said of one thing: the metadata of these objects, the later ones' first, and of their Customers where
    these are expanded."""
    customers = [one["customer"] for one in found if one and isinstance(one.get("customer"), dict)]
    said: dict[str, Any] = {}
    for one in (*customers, *found):
        said |= (one or {}).get("metadata") or {}
    return said


def _each(params: Any, change: Any) -> Any:
    if isinstance(params, list | tuple):
        return [_each(one, change) for one in params]
    if not isinstance(params, dict):
        return params
    return {key: change(value) if key == "metadata" and isinstance(value, dict) else _each(value, change) for key, value in params.items()}
