"""The deep archive: twenty years of short pieces, made from a grammar of facts and not of phrases alone.

Each desk decides what happened (a vote and its count, a score and its minutes, a level and its trend) and only then
how to say it, so that a number in the headline is the number in the text.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from demo.archive.council import council
from demo.archive.court import court
from demo.archive.market import market
from demo.archive.piece import Desk, Piece, months
from demo.archive.river import river
from demo.archive.sport import sport
from demo.archive.town import town

DESKS: tuple[Desk, ...] = (council, river, sport, court, market, town)


def build(*, seed: int, now: datetime, zone: ZoneInfo, years: int = 20) -> Iterator[Piece]:
    """Every piece of the archive, oldest first, the last one from the month before ``now``'s."""
    found = [piece for desk in DESKS for piece in desk(seed, months(now, zone, years))]
    yield from sorted((piece for piece in found if piece.at < now), key=lambda piece: (piece.at, piece.slug))
