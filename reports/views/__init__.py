"""Doors of this room: the report's page, its charts and tables, the people behind a number, the goal."""

from reports.views import exports, goals, overview, people
from reports.views.blueprint import bp

BLUEPRINTS = (bp,)

__all__ = ["BLUEPRINTS", "exports", "goals", "overview", "people"]
