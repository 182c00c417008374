"""The newsroom's front door."""

from flask import Blueprint, render_template

from kit import clock
from membership import directory
from membership.guards import staff

bp = Blueprint("staff", __name__, url_prefix="/admin")


@bp.get("/")
@staff("editor", "finance", "support")
def index() -> str:
    """Where to go, and a few figures."""
    return render_template("staff/index.html", figures=directory.figures(clock.now()))
