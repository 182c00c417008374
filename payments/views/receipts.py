"""A receipt's own page, to print or to keep. Its address is unguessable and was mailed to who paid."""

from flask import Blueprint, Response, abort, make_response, render_template

from kit.database import db
from membership.guards import public
from payments import receipts
from payments.models import Contribution, LedgerEntry

bp = Blueprint("receipts", __name__)


@bp.get("/account/receipts/<public_id>")
@public
def show(public_id: str) -> Response:
    """Who has the address may read it: guests have no account to sign in to."""
    receipt = receipts.by_public_id(public_id)
    if receipt is None:
        abort(404)
    payment = db.session.get_one(LedgerEntry, receipt.ledger_entry_id)
    contribution = db.session.get(Contribution, payment.contribution_id) if payment.contribution_id else None
    page = render_template(
        "receipts/show.html",
        receipt=receipt,
        paid_at=payment.occurred_at,
        name=contribution.name if contribution else "",
        returned=receipts.returned(receipt),
    )
    answer = make_response(page)
    # The address is a secret of hers: no Referer carries it away, no cache keeps it (safety A15).
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
