"""Doors of this room: each reads the request, asks one verb or look-up, commits once at the end, answers."""

from flask import Blueprint

from publishing.views import appeals, archive, articles, columns, feeds, front, photos, search, staff_articles, topics

BLUEPRINTS: tuple[Blueprint, ...] = tuple(
    module.bp for module in (front, articles, archive, topics, columns, photos, search, feeds, appeals, staff_articles)
)
