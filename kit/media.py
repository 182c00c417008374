"""Pictures that staff or the demo put under ``instance/media``, served at /media/."""

from pathlib import Path

from flask import Blueprint, Response, current_app, send_from_directory

from kit.health import open_to_all

bp = Blueprint("media", __name__)


def folder() -> Path:
    """Where pictures lie."""
    return Path(current_app.instance_path) / "media"


@bp.get("/media/<path:name>")
@open_to_all
def show(name: str) -> Response:
    """One picture; a year in caches, because a changed picture gets a new name."""
    answer = send_from_directory(folder(), name, max_age=365 * 24 * 3600)
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    return answer
