"""Calls to Stripe of which nobody knows what became of them, for staff: ask again, or say what was found out by hand."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_login import current_user
from sqlalchemy import case, func, select

from kit.database import db
from kit.jobs import enqueue
from membership.guards import staff
from payments import calls
from payments.domain.events import is_id
from payments.models import OutgoingCall

bp = Blueprint("staff_calls", __name__, url_prefix="/admin/calls")
STATES = ("given_up", "unknown", "new", "refused", "done")
PAGE = 50


@bp.get("/")
@staff("finance", "support")
def index() -> str:
    """What waits for a person first, then what the job still finds out, then the newest. ``about`` is an id at Stripe."""
    return _page()


@bp.post("/<int:call_id>/again")
@staff("finance", "support")
def again(call_id: int) -> Any:
    """Find out once more: the worker does it, by the same key or by looking."""
    if not calls.reopen(_found(call_id)):
        abort(409)
    enqueue("payments.resolve_calls")
    flash(_("The worker finds out now. Look again in a minute."), "success")
    db.session.commit()
    return redirect(url_for("staff_calls.index"), 303)


@bp.post("/<int:call_id>/settle")
@staff("finance", "support")
def settle(call_id: int) -> Any:
    """What a person found out in Stripe's Dashboard: it happened, or it did not. With a note for those who come after."""
    row, note, happened = _found(call_id), request.form.get("note", "").strip(), request.form.get("happened", "")
    if happened not in ("yes", "no"):
        abort(400)
    if not 3 <= len(note) <= 500:
        return _page(failed=call_id, typed=note, problem=_("Say in a few words (500 characters at most) what you found.")), 422
    if not calls.settle(row, happened == "yes", note, current_user.id):
        abort(409)
    flash(_("Noted."), "success")
    db.session.commit()
    return redirect(url_for("staff_calls.index"), 303)


def _page(**values: Any) -> str:
    state, about = request.args.get("state", ""), request.args.get("about", "").strip()
    first = case({name: number for number, name in enumerate(("given_up", "unknown", "new"))}, value=OutgoingCall.state, else_=9)
    found = select(OutgoingCall).order_by(first, OutgoingCall.id.desc())
    if state in STATES:
        found = found.where(OutgoingCall.state == state)
    if about:
        wanted = about if is_id(about) else ""
        found = found.where(
            (OutgoingCall.subject_id == wanted) | (OutgoingCall.object_id == wanted) | (OutgoingCall.idempotency_key == wanted)
        )
    page = min(max(request.args.get("page", 1, type=int), 1), 10_000)
    rows = list(db.session.scalars(found.offset((page - 1) * PAGE).limit(PAGE + 1)))
    counts = {row[0]: row[1] for row in db.session.execute(select(OutgoingCall.state, func.count()).group_by(OutgoingCall.state))}
    shown = {"calls": rows[:PAGE], "more": len(rows) > PAGE, "page": page, "counts": counts, "state": state, "about": about}
    return render_template("staff/calls/index.html", **shown, **values)


def _found(call_id: int) -> OutgoingCall:
    row = db.session.get(OutgoingCall, call_id, with_for_update=True)
    if row is None:
        abort(404)
    return row
