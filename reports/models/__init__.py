"""The two tables that this room writes."""

from reports.models.closes import MonthlyClose
from reports.models.goals import Goal

__all__ = ["Goal", "MonthlyClose"]
