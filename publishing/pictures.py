"""How large a picture of this site is, so that the page keeps its place before it has loaded."""

from functools import lru_cache
from pathlib import Path

from flask import current_app
from PIL import Image, UnidentifiedImageError

from kit import media


def size_of(address: str) -> tuple[int, int] | None:
    """Width and height in pixels of /media/... or /static/..., read from its head; None if there is no such picture."""
    for prefix, folder in (("/media/", media.folder()), ("/static/", Path(current_app.static_folder or ""))):
        if address.startswith(prefix):
            path = (folder / address.removeprefix(prefix)).resolve()
            if path.is_relative_to(folder.resolve()) and path.is_file():
                return _read(path, path.stat().st_mtime_ns)
    return None


@lru_cache(maxsize=1024)
def _read(path: Path, _changed: int) -> tuple[int, int] | None:
    try:
        with Image.open(path) as picture:
            return picture.size
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None
