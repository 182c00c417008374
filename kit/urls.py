"""Addresses: absolute ones from the settings, and returns that stay on this site."""

import re
from urllib.parse import urlsplit

from flask import current_app

from kit.settings import settings

# One slash, then anything but a second slash or a backslash; no control characters or spaces anywhere.
_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def public_url(endpoint: str, **values: object) -> str:
    """An absolute link built from PUBLIC_URL, never from the request's Host (reset poisoning, safety A14)."""
    base = urlsplit(settings()["PUBLIC_URL"])
    adapter = current_app.url_map.bind(base.netloc, script_name=base.path or "/", url_scheme=base.scheme)
    return adapter.build(endpoint, values, force_external=True)


def safe_next(target: str | None, otherwise: str) -> str:
    """``target`` if it is a path on this site, else ``otherwise``: no open redirect."""
    if target and len(target) < 2000 and _LOCAL_PATH.fullmatch(target):
        return target
    return otherwise
