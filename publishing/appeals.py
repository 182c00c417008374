"""What we ask of readers who do not support us yet: what is on offer, whether they closed the appeal, the house notice.

Prices belong to payments, which this room may not know: app.py hands over a function (``offer_source``).
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from flask import Flask, current_app, render_template, request
from markupsafe import Markup

from kit import formats
from publishing.frame import kept, reader_kind

COOKIE = "appeal"
CLOSED_FOR = 30 * 24 * 3600  # seconds; then we may ask again


class Offer(Protocol):
    """A plan on sale, as payments describes it: ``amount`` in minor units of ``currency``, ``interval`` month or year."""

    @property
    def name(self) -> str: ...
    @property
    def amount(self) -> int: ...
    @property
    def currency(self) -> str: ...
    @property
    def interval(self) -> str: ...


OfferSource = Callable[[], Sequence[Offer]]


def init_app(app: Flask) -> None:
    """Offer the appeal's facts to templates. Until app.py names a source, no price is shown."""
    app.extensions["offer_source"] = tuple
    app.add_template_global(plans_on_offer)
    app.add_template_global(house_notice)


def offer_from(app: Flask, source: OfferSource) -> None:
    """Take prices from ``source`` (app.py calls this once, at start)."""
    app.extensions["offer_source"] = source


def plans_on_offer() -> Sequence[Offer]:
    """The plans on sale, asked for at most once a minute in each process."""
    return kept(("offers",), current_app.extensions["offer_source"])


def is_closed() -> bool:
    """Did this reader close the appeal? A forged cookie hides a panel from its forger, no more."""
    return request.cookies.get(COOKIE) == "closed"


def box(name: str, article: Any, about: Any, access: Any) -> Markup:
    """What stands below a text (gate, appeal, end), kept for a minute: it is the same for all readers of a kind.

    Forms in it hold nothing personal, so it may be shown to many, as a shared cache would.
    """
    kind, language = reader_kind(), formats.language()
    key = ("below", name, article.slug, str(article.version), access.reason, kind, language)
    said = {"article": article, "about": about, "access": access, "kind": kind}
    return kept(key, lambda: Markup(render_template(f"appeals/{name}.html", **said)))  # noqa: S704 - our own template


def house_notice() -> dict[str, str] | None:
    """The notice in the ad slot from the settings HOUSE_AD_TEXT and HOUSE_AD_URL; None shows the house's own."""
    text = current_app.config.get("HOUSE_AD_TEXT")
    return {"text": text, "url": current_app.config.get("HOUSE_AD_URL", "")} if text else None
