"""Paint the demo's pictures once and keep them: WebP, 1200 and 600 pixels wide."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from demo.pictures import people, places
from demo.pictures.canvas import Canvas

FOLDER = "demo"
WIDTHS = (1200, 600)
HEAVIEST = 60_000

SCENES: dict[str, Callable[[], Canvas]] = {
    scene.__name__.replace("_", "-"): scene
    for scene in (
        places.river_dawn,
        places.river_bend,
        places.river_boats,
        places.ferry_night,
        places.flood_meadow,
        places.main_street,
        places.town_snow,
        places.hills_storm,
        places.hills_summer,
        places.road_dawn,
        places.crossroads,
        places.kiln_towers,
        places.waterworks,
        places.stadium_lights,
        places.market_stalls,
        people.portrait_keeper,
        people.portrait_editor,
        people.portrait_reader,
        people.still_life,
        people.newsroom_window,
    )
}


def files_of(name: str) -> dict[int, str]:
    """The relative media paths of one picture, by width: the largest has the plain name."""
    return {width: f"{FOLDER}/{name}.webp" if width == WIDTHS[0] else f"{FOLDER}/{name}-{width}.webp" for width in WIDTHS}


def paint(name: str, media: Path) -> None:
    """Paint one scene and write both widths under the media folder."""
    canvas = SCENES[name]()
    canvas.grain()
    for width, file in files_of(name).items():
        target = media / file
        target.parent.mkdir(parents=True, exist_ok=True)
        picture = canvas.image.resize((width, width * 2 // 3), Image.Resampling.LANCZOS)
        # Written beside and renamed: a picture that is being served is never half a file.
        beside = target.with_suffix(f".{os.getpid()}.part")  # two loads may paint at once
        _save(picture, beside)
        beside.replace(target)


def _save(picture: Image.Image, file: Path) -> None:
    """As WebP, at the best of three qualities that keeps it under HEAVIEST bytes."""
    for quality in (74, 60, 45):
        picture.save(file, "WEBP", quality=quality, method=2)
        if file.stat().st_size <= HEAVIEST:
            return


def missing(media: Path) -> list[str]:
    """The scenes of which at least one width is not on disk yet."""
    return [name for name in SCENES if not all((media / file).is_file() for file in files_of(name).values())]


def paint_all(media: Path, tick: Callable[[], object] = lambda: None) -> int:
    """Paint what is missing; returns how many scenes were painted."""
    todo = missing(media)
    for name in todo:
        paint(name, media)
        tick()
    return len(todo)
