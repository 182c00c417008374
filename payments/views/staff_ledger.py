"""The ledger for bookkeeping: what came in and went out, narrowed, summed by currency, as a page and as CSV."""

from flask import Blueprint, Response, abort, render_template, request, stream_with_context

from kit.spreadsheets import csv_lines
from membership.guards import staff
from payments import books
from payments.books import Wanted

bp = Blueprint("staff_ledger", __name__, url_prefix="/admin/ledger")


@bp.get("/")
@staff("finance")
def index() -> str:
    """Entries, newest first, and what they add up to."""
    wanted, page = _wanted(), min(max(request.args.get("page", 1, type=int), 1), 100_000)
    found = books.entries(wanted, page)
    return render_template(
        "staff/ledger/index.html",
        entries=found[: books.PAGE],
        more=len(found) > books.PAGE,
        page=page,
        sums=books.sums(wanted),
        wanted=wanted,
        kinds=books.KINDS,
        purposes=books.PURPOSES,
    )


@bp.get("/ledger.csv")
@staff("finance")
def export() -> Response:
    """The same entries, all of them, for a spreadsheet."""
    wanted = _wanted()
    name = "-".join(["ledger", *(part for part in (wanted.month, wanted.kind, wanted.purpose) if part)])
    lines = stream_with_context(csv_lines(books.HEAD, books.rows(wanted)))
    return Response(lines, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}.csv"'})


def _wanted() -> Wanted:
    """The filters of the address; a word that is none of ours is a wrong address."""
    month, kind, purpose, about = (request.args.get(name, "").strip() for name in ("month", "kind", "purpose", "about"))
    if kind not in ("", *books.KINDS) or purpose not in ("", *books.PURPOSES):
        abort(404)
    if month:
        try:
            books.month_bounds(month)
        except ValueError:
            abort(404)
    return Wanted(month, kind, purpose, about)
