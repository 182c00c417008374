"""What an article says of itself to machines: canonical address, Open Graph, schema.org. Public part only."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from flask import render_template, url_for
from markupsafe import Markup

from kit import formats
from kit.settings import settings
from kit.urls import public_url
from publishing.frame import kept

DESCRIPTION = 200  # characters of the preview that stand in for a missing summary


@dataclass(frozen=True)
class About:
    """What the article page says beside its text, the same for every reader. Addresses are absolute; ``image`` may be empty.

    ``head`` is the page's metadata and ``opening`` its headline, both finished HTML.
    """

    address: str
    description: str
    image: str
    head: Markup
    opening: Markup
    share: tuple[tuple[str, str], ...]


def of_article(article: Any) -> About:
    """For an article's public row; kept for a minute, and made anew when the article is saved."""
    return kept(("about", article.slug, str(article.version), formats.language()), lambda: _of_article(article))


def describe(article: Any) -> str:
    """One or two sentences: the summary, or how the preview begins."""
    if article.summary:
        return article.summary
    text = " ".join(article.preview_text.split())
    return text if len(text) <= DESCRIPTION else text[:DESCRIPTION].rpartition(" ")[0] + "…"


def absolute(path: str) -> str:
    """A path of this site as a whole address, from PUBLIC_URL."""
    return settings()["PUBLIC_URL"].rstrip("/") + path


def _of_article(article: Any) -> About:
    address = public_url("articles.show", slug=article.slug)
    image = absolute(article.image) if article.image else ""
    description = describe(article)
    json_ld = _script(_schema(article, address, image, description))
    said = {"article": article, "address": address, "description": description, "image": image, "json_ld": json_ld}
    said["topic_path"] = url_for("topics.show", slug=article.topic_slug) if article.topic_slug else ""
    return About(
        address=address,
        description=description,
        image=image,
        head=Markup(render_template("articles/head.html", **said)),  # noqa: S704 - our own templates
        opening=Markup(render_template("articles/opening.html", **said)),  # noqa: S704
        share=_share(article.title, address),
    )


def _schema(article: Any, address: str, image: str, description: str) -> dict[str, Any]:
    free = article.access == "free"
    said: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "NewsArticle",
        "mainEntityOfPage": address,
        "headline": article.title,
        "description": description,
        "datePublished": article.published_at.isoformat(),
        "dateModified": max(article.updated_at, article.published_at).isoformat(),
        "author": {"@type": "Person", "name": article.author},
        "publisher": {"@type": "NewsMediaOrganization", "name": settings()["SITE_NAME"], "url": settings()["PUBLIC_URL"]},
        "isAccessibleForFree": free,
    }
    if article.topic_name:
        said["articleSection"] = article.topic_name
    if image:
        said["image"] = [image]
    if not free:
        # The class that the whole text stands in; crawlers that are not let in see the preview like anybody.
        said["hasPart"] = {"@type": "WebPageElement", "isAccessibleForFree": False, "cssSelector": ".gated"}
    return said


def _script(data: dict[str, Any]) -> Markup:
    """JSON that cannot close its script element nor begin a comment in it (what Jinja's tojson does, done once)."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    for sign, written in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"), ("\u2029", "\\u2029")):
        text = text.replace(sign, written)
    return Markup(text)  # noqa: S704 - every character that HTML could read as its own is escaped above


def _share(title: str, address: str) -> tuple[tuple[str, str], ...]:
    """Plain links, no foreign script and nothing that tells anybody who read: (name, address)."""
    both, link = quote(f"{title} {address}", safe=""), quote(address, safe="")
    return (
        ("E-mail", f"mailto:?subject={quote(title, safe='')}&body={link}"),
        ("Mastodon", f"https://mastodonshare.com/?text={both}"),
        ("Bluesky", f"https://bsky.app/intent/compose?text={both}"),
        ("WhatsApp", f"https://wa.me/?text={both}"),
    )
