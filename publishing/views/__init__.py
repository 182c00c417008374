"""Doors of this room: each reads the request, asks one verb or look-up, commits once at the end, answers."""

from flask import Blueprint

from publishing.views import (
    appeals,
    archive,
    articles,
    columns,
    feeds,
    front,
    newsletter,
    newsletter_issues,
    newsletter_preferences,
    photos,
    search,
    staff_articles,
    staff_newsletter,
    topics,
)

BLUEPRINTS: tuple[Blueprint, ...] = tuple(
    module.bp
    for module in (front, articles, archive, topics, columns, photos, search, feeds, appeals, newsletter, staff_articles, staff_newsletter)
)

# These two add their doors to the newsletter's blueprint.
__all__ = ["BLUEPRINTS", "newsletter_issues", "newsletter_preferences"]
