"""Staff's look at the webhook journal: what Stripe told us, what became of it, and once more."""

from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import ngettext
from sqlalchemy import false, func, select

from kit import clock
from kit.database import db
from membership.guards import staff
from payments import chain, checkout, journal, rhythm
from payments.domain.events import is_id
from payments.models import ReconcileRun, StripeEvent
from payments.models.journal import IS_NEW, IS_PARKED
from payments.webhooks import HANDLERS

bp = Blueprint("staff_webhooks", __name__, url_prefix="/admin/webhooks")
STATES = ("new", "done", "ignored", "parked")
PAGE = 50
MOST = 500  # events that one press of the button applies again


@bp.get("/")
@staff("finance", "support")
def index() -> str:
    """The newest first; ``state``, ``type`` (its beginning) and ``about`` (an id of event, object or Customer) narrow it."""
    found = select(StripeEvent).order_by(StripeEvent.received_at.desc(), StripeEvent.event_id.desc())
    state, kind, about = (request.args.get(name, "").strip() for name in ("state", "type", "about"))
    if state in STATES:
        found = found.where({"new": IS_NEW, "parked": IS_PARKED}.get(state, StripeEvent.state == state))
    if kind and not is_id(kind.replace(".", "_")):
        found = found.where(false())
    elif kind:
        found = found.where(StripeEvent.type.startswith(kind, autoescape=True))
    if about and not is_id(about):
        found = found.where(false())
    elif about:
        found = found.where((StripeEvent.event_id == about) | (StripeEvent.object_id == about) | (StripeEvent.customer_id == about))
    page = max(request.args.get("page", 1, type=int), 1)
    rows = list(db.session.scalars(found.offset((min(page, 10_000) - 1) * PAGE).limit(PAGE + 1)))
    return render_template(
        "staff/journal/index.html",
        events=rows[:PAGE],
        more=len(rows) > PAGE,
        page=page,
        counts=_counts(),
        health=_health(),
        chosen={"state": state, "type": kind, "about": about},
    )


@bp.get("/<event_id>")
@staff("finance", "support")
def show(event_id: str) -> str:
    """One event with its raw body, as it was signed."""
    row = _event(event_id)
    return render_template("staff/journal/show.html", event=row, handled=row.type in HANDLERS, siblings=_about_the_same(row))


@bp.post("/<event_id>/replay")
@staff("finance", "support")
def replay(event_id: str) -> Any:
    """Look once more at what this event is about. Nothing can be booked twice by it."""
    row = _event(event_id)
    if journal.replay(row.account, row.event_id):
        flash(_("The event will be applied again in a moment."), "success")
    else:
        flash(_("This event is not ours to apply: it is kept, and nothing follows from it."), "warning")
    db.session.commit()
    return redirect(url_for("staff_webhooks.show", event_id=event_id), 303)


@bp.post("/replay")
@staff("finance", "support")
def replay_several() -> Any:
    """The chosen ones, or all that are parked (``which=parked``, MOST at once)."""
    if request.form.get("which") == "parked":
        rows = list(db.session.scalars(select(StripeEvent).where(IS_PARKED).order_by(StripeEvent.received_at).limit(MOST)))
    else:
        rows = [_event(event_id) for event_id in request.form.getlist("event")[:MOST]]
    again = sum(journal.replay(row.account, row.event_id) for row in rows)
    if again:
        flash(
            ngettext("%(num)s event will be applied again in a moment.", "%(num)s events will be applied again in a moment.", again),
            "success",
        )
    if again < len(rows):
        flash(_("What is not ours to apply is kept, and nothing follows from it."), "warning")
    if not rows:
        flash(_("Choose at least one event."), "warning")
    db.session.commit()
    return redirect(url_for("staff_webhooks.index"), 303)


def _event(event_id: str) -> StripeEvent:
    if not is_id(event_id):
        abort(404)
    row = db.session.scalars(select(StripeEvent).where(StripeEvent.event_id == event_id).order_by(StripeEvent.account)).first()
    if row is None:
        abort(404)
    return row


def _counts() -> dict[str, int]:
    """What is to do and what is parked, from their small indexes. The done ones are the whole journal: they are not counted."""
    counted = {"new": IS_NEW, "parked": IS_PARKED}
    return {state: db.session.scalar(select(func.count()).select_from(StripeEvent).where(only)) or 0 for state, only in counted.items()}


def _about_the_same(row: StripeEvent) -> list[StripeEvent]:
    if row.object_id is None:
        return []
    same = select(StripeEvent).where(StripeEvent.object_id == row.object_id, StripeEvent.event_id != row.event_id)
    return list(db.session.scalars(same.order_by(StripeEvent.received_at.desc()).limit(20)))


def _health() -> dict[str, Any]:
    """When we last heard of Stripe and whether that is strange, when we last compared our books, who pays twice, the chain's head."""
    run = db.session.scalars(select(ReconcileRun).where(ReconcileRun.finished_at.is_not(None)).order_by(ReconcileRun.id.desc())).first()
    return {"silence": rhythm.silence(), "run": run, "twice": checkout.twice(), "now": clock.now(), "head": chain.head()}
