"""A receipt's own page, and papers to keep: the receipt and the year's statement as PDF.

A receipt's address is unguessable and was mailed to who paid.
"""

import re

from flask import Blueprint, Response, abort, make_response, render_template, request
from flask_babel import gettext as _
from sqlalchemy import select

from kit.database import db
from kit.limits import limiter
from membership import sessions
from membership.guards import public, signed_in, staff
from membership.models import Account
from payments import papers, receipts, statements
from payments.models import Contribution, LedgerEntry, Receipt
from payments.statements import Statement

bp = Blueprint("receipts", __name__)


@bp.get("/account/receipts/<public_id>")
@public
def show(public_id: str) -> Response:
    """Who has the address may read it: guests have no account to sign in to."""
    receipt = _found(public_id)
    payment, contribution = _paid_for(receipt)
    page = render_template(
        "receipts/show.html",
        receipt=receipt,
        paid_at=payment.occurred_at,
        name=contribution.name if contribution else "",
        dedication=dedication(contribution),
        thanked=contribution is not None and contribution.consented_at is not None and contribution.withdrawn_at is None,
        returned=receipts.returned(receipt),
        years=statements.years_of_guest(receipt) if receipt.account_id is None else [],
    )
    return _hers(make_response(page))


@bp.get("/account/receipts/<public_id>/receipt.pdf")
@limiter.limit("60/hour")
@public
def pdf(public_id: str) -> Response:
    """The same as a PDF."""
    receipt = _found(public_id)
    payment, contribution = _paid_for(receipt)
    made = papers.of_receipt(
        receipt,
        paid_at=payment.occurred_at,
        name=contribution.name if contribution else "",
        dedication=dedication(contribution),
        returned=receipts.returned(receipt),
    )
    return _paper(made, f"receipt-{receipt.number}")


@bp.get("/account/receipts/<public_id>/statement-<int:year>.pdf")
@limiter.limit("60/hour")
@public
def guest_statement(public_id: str, year: int) -> Response:
    """A guest's year, by any of her receipts. Once an account has them, its owner signs in for hers."""
    receipt = _found(public_id)
    return _statement(None if receipt.account_id else statements.of_guest(receipt, year))


@bp.get("/account/statements/<int:year>.pdf")
@limiter.limit("60/hour")
@signed_in
def statement(year: int) -> Response:
    """The signed-in reader's year."""
    return _statement(statements.of_account(sessions.reader(), year))


@bp.get("/admin/statements/<public_id>/<int:year>.pdf")
@staff("finance", "support")
def staff_statement(public_id: str, year: int) -> Response:
    """A reader's year, for who asks by telephone."""
    account = db.session.scalars(select(Account).where(Account.public_id == public_id)).one_or_none()
    return _statement(statements.of_account(account, year) if account else None)


def dedication(contribution: Contribution | None) -> str:
    """In words; "" where it is dedicated to nobody."""
    if contribution is None or not contribution.dedication_kind:
        return ""
    if contribution.dedication_kind == "memory":
        return _("In memory of %(name)s", name=contribution.dedication)
    return _("In honour of %(name)s", name=contribution.dedication)


def _statement(found: Statement | None) -> Response:
    if found is None:
        abort(404)
    return _paper(papers.of_statement(found), f"statement-{found.year}")


def _paper(made: bytes, name: str) -> Response:
    answer = _hers(Response(made, mimetype="application/pdf"))
    how = "inline" if request.args.get("view") else "attachment"
    answer.headers["Content-Disposition"] = f'{how}; filename="{re.sub(r"[^0-9a-z-]", "", name)}.pdf"'
    return answer


def _found(public_id: str) -> Receipt:
    receipt = receipts.by_public_id(public_id)
    if receipt is None:
        abort(404)
    return receipt


def _paid_for(receipt: Receipt) -> tuple[LedgerEntry, Contribution | None]:
    payment = db.session.get_one(LedgerEntry, receipt.ledger_entry_id)
    return payment, db.session.get(Contribution, payment.contribution_id) if payment.contribution_id else None


def _hers(answer: Response) -> Response:
    # The address is a secret of hers: no Referer carries it away, no cache keeps it (safety A15).
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
