"""Staff look a reader up, see where she stands and why, give and revoke complimentary access, sign her devices out."""

from typing import Any

from flask import Blueprint, Response, abort, flash, render_template, request, url_for
from flask_babel import gettext as _
from sqlalchemy import select

from kit import clock
from kit.database import db
from membership import accounts, directory, grants, memberships, panels, people, sessions, wording
from membership.forms import GrantForm
from membership.guards import staff
from membership.models import Account, Grant, MembershipInterval, MembershipSource
from membership.views.pages import go

bp = Blueprint("staff_members", __name__, url_prefix="/admin/members")


@bp.get("/")
@staff("support", "finance")
def index() -> str:
    """Search by address or name."""
    words, page = request.args.get("q", "")[:200], max(1, request.args.get("page", 1, type=int))
    entries, total = directory.search(words, clock.now(), page)
    more = page * directory.PAGE < total
    return render_template("staff/members.html", entries=entries, total=total, words=words, page=page, more=more, labels=wording.LABELS)


@bp.get("/<public_id>")
@staff("support", "finance")
def show(public_id: str) -> Response:
    """One reader."""
    return _page(_account(public_id), GrantForm(formdata=None))


@bp.post("/<public_id>/grants")
@staff("support")
def give(public_id: str) -> Any:
    """Let her read for free through the chosen day."""
    account, form = _account(public_id), GrantForm()
    if not form.validate_on_submit():
        return _page(account, form)
    assert form.until.data is not None
    try:
        grants.grant(account, people.end_of_day(form.until.data), form.note.data or "", sessions.reader().email, tell=bool(form.tell.data))
    except grants.GrantRefused as refusal:
        form.until.errors = [str(refusal)]  # ty: ignore[invalid-assignment]
        return _page(account, form)
    db.session.commit()
    flash(_("Given."), "success")
    return go(url_for("staff_members.show", public_id=public_id))


@bp.post("/<public_id>/grants/<int:grant_id>/revoke")
@staff("support")
def revoke(public_id: str, grant_id: int) -> Any:
    """End a grant now."""
    account, row = _account(public_id), db.session.get(Grant, grant_id)
    if row is None or row.account_id != account.id:
        abort(404)
    grants.revoke(row)
    db.session.commit()
    flash(_("Revoked."), "success")
    return go(url_for("staff_members.show", public_id=public_id))


@bp.post("/<public_id>/sign-out")
@staff("support")
def sign_out(public_id: str) -> Any:
    """Sign all her devices out. Staff are signed out by the owner alone."""
    account = _account(public_id)
    if account.is_staff and sessions.reader().role != "owner":
        abort(403)
    sessions.end_all(account.id)
    db.session.commit()
    flash(_("Every device is signed out."), "success")
    return go(url_for("staff_members.show", public_id=public_id))


def _account(public_id: str) -> Account:
    return accounts.by_public_id(public_id) or abort(404)


def _page(account: Account, form: GrantForm) -> Response:
    mine = [model.account_id == account.id for model in (MembershipSource, Grant, MembershipInterval)]
    page = render_template(
        "staff/member.html",
        account=account,
        words=wording.of(memberships.standing_of(account.id), clock.now(), panels.bills(account.id)),
        sources=list(db.session.scalars(select(MembershipSource).where(mine[0]).order_by(MembershipSource.started_at.desc()))),
        grants=list(db.session.scalars(select(Grant).where(mine[1]).order_by(Grant.id.desc()))),
        history=list(db.session.scalars(select(MembershipInterval).where(mine[2]).order_by(MembershipInterval.id.desc()).limit(50))),
        devices=sessions.of(account.id),
        panels=panels.shown_to_staff(account),
        labels=wording.LABELS,
        form=form,
        now=clock.now(),
    )
    return Response(page, 422 if form.errors else 200)
