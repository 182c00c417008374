"""Complimentary access for staff: who reads for free, until when and why; another end. (Given and revoked on a reader's page.)"""

from typing import Any

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask_babel import gettext as _

from kit import clock
from kit.database import db
from kit.formats import local
from membership import grants, people
from membership.forms import GrantEndForm
from membership.guards import staff
from membership.models import Account, Grant
from membership.views.pages import go

bp = Blueprint("staff_grants", __name__, url_prefix="/admin/grants")
PAGE = 100


@bp.get("/")
@staff("support", "finance")
def index() -> str:
    """Those that run, the first to end on top; with ``all``, every one there was."""
    page, everything = min(max(request.args.get("page", 1, type=int), 1), 100_000), bool(request.args.get("all"))
    found = grants.running(PAGE + 1, (page - 1) * PAGE, all_of_them=everything)
    values = {"page": page, "everything": everything, "more": len(found) > PAGE, "now": clock.now()}
    return render_template("staff/grants/index.html", found=found[:PAGE], **values)


@bp.route("/<int:grant_id>", methods=["GET", "POST"])
@staff("support")
def end(grant_id: int) -> Any:
    """Another last day."""
    row = db.session.get(Grant, grant_id)
    if row is None:
        abort(404)
    account, form = db.session.get_one(Account, row.account_id), GrantEndForm(data={"until": local(row.until).date()})
    if not form.validate_on_submit():
        return _page(row, account, form)
    assert form.until.data is not None
    try:
        grants.extend(row, people.end_of_day(form.until.data), tell=bool(form.tell.data))
    except grants.GrantRefused as refusal:
        form.until.errors = [str(refusal)]  # ty: ignore[invalid-assignment]
        return _page(row, account, form)
    public_id = account.public_id
    db.session.commit()
    flash(_("Changed."), "success")
    return go(url_for("staff_members.show", public_id=public_id))


def _page(row: Grant, account: Account, form: GrantEndForm) -> Response:
    return Response(render_template("staff/grants/end.html", grant=row, account=account, form=form), 422 if form.errors else 200)
