"""Static files: served from memory by WhiteNoise, kept by browsers for a year, asked for anew when their content changes."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Flask
from whitenoise import WhiteNoise

A_YEAR = 365 * 24 * 3600


@cache
def fingerprint(path: Path) -> str:
    """Ten digits of the file's content; empty where there is no such file. Once a process: a deploy starts new ones."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:10] if path.is_file() else ""


def init_app(app: Flask, folder: Path) -> None:
    """Put the files before the application, and their fingerprint into every address that ``url_for`` makes of them."""
    app.wsgi_app = WhiteNoise(app.wsgi_app, root=str(folder), prefix="static/", max_age=A_YEAR)

    @app.url_defaults
    def versioned(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and "v" not in values:
            found = fingerprint(folder / str(values.get("filename", "")))
            if found:
                values["v"] = found
