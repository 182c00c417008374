"""Disputes for staff: what the banks ask and by when, and the way to answer in Stripe's Dashboard."""

from flask import Blueprint, abort, render_template, request

from membership.guards import staff
from payments import disputes
from payments.views.staff_payments import dashboard

bp = Blueprint("staff_disputes", __name__, url_prefix="/admin/disputes")


@bp.get("/")
@staff("finance")
def index() -> str:
    """Those that wait for an answer first, by the day on which it is due; ``which=all`` shows the closed ones too."""
    which = request.args.get("which", "")
    if which not in ("", "all"):
        abort(404)
    page = min(max(request.args.get("page", 1, type=int), 1), 100_000)
    found = disputes.listed(which == "all", page)
    return render_template(
        "staff/disputes/index.html",
        disputes=found[: disputes.PAGE],
        more=len(found) > disputes.PAGE,
        page=page,
        which=which,
        dashboard=dashboard,
    )
