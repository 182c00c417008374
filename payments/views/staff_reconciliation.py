"""Our books beside Stripe's, for staff: what each comparison looked at, what differed and why, and comparing now."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from kit.database import db
from kit.jobs import enqueue
from kit.limits import limiter
from membership.guards import staff
from payments.models import ReconcileRun

bp = Blueprint("staff_reconciliation", __name__, url_prefix="/admin/reconciliation")
PAGE = 50


@bp.get("/")
@staff("finance", "support")
def index() -> str:
    """The newest comparisons first. ``which=different``: only those that found something."""
    different = request.args.get("which") == "different"
    page = min(max(request.args.get("page", 1, type=int), 1), 10_000)
    found = select(ReconcileRun).order_by(ReconcileRun.started_at.desc(), ReconcileRun.id.desc())
    if different:
        found = found.where(ReconcileRun.differs)
    rows = list(db.session.scalars(found.offset((page - 1) * PAGE).limit(PAGE + 1)))
    return render_template("staff/reconciliation/index.html", runs=rows[:PAGE], more=len(rows) > PAGE, page=page, different=different)


@bp.post("/now")
@limiter.limit("6/hour")
@staff("finance")
def now() -> Any:
    """Compare now: the worker does it, and repairs what differs."""
    enqueue("payments.reconcile")
    enqueue("payments.reconcile_nightly")
    flash(_("The worker compares now. Look again in a few minutes."), "success")
    db.session.commit()
    return redirect(url_for("staff_reconciliation.index"), 303)
