"""Papers to keep: a receipt and a yearly statement as tagged PDF, made when asked for and kept by nobody.

What a reader typed goes in as JSON and stays text (templates/receipts/paper.typ): none of it is ever read as markup.
"""

import json
from functools import cache
from typing import Any

import structlog
from flask_babel import gettext as _

from kit.formats import date_text, money
from kit.settings import ROOT, settings
from payments.models import Receipt
from payments.statements import Statement

log = structlog.get_logger("payments.papers")
FOLDER = ROOT / "templates" / "receipts"
# Characters that turn the direction of what follows them: a name must not turn the rest of the page.
TURNING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)))
LETTER = ("US", "CA", "MX", "PH", "CL", "CO")  # where paper is not A4


def of_receipt(receipt: Receipt, *, paid_at: Any, name: str, dedication: str, returned: int) -> bytes:
    """One receipt's PDF; ``returned`` is what went back since, minor units."""
    rows = [[receipt.what, money(receipt.amount - receipt.fee_cover, receipt.currency)]]
    if receipt.fee_cover:
        rows.append([_("Payment fee, covered by you"), money(receipt.fee_cover, receipt.currency)])
    totals = [[_("Paid"), money(receipt.amount, receipt.currency)]]
    if returned > 0:
        totals.append([_("Paid back since"), money(-returned, receipt.currency)])
        totals.append([_("Remains"), money(receipt.amount - returned, receipt.currency)])
    facts = [
        [_("To"), ", ".join(filter(None, [name, receipt.email]))],
        [_("Paid on"), date_text(paid_at)],
        [_("Issued on"), date_text(receipt.issued_at)],
    ]
    if dedication:
        facts.append([_("Dedication"), dedication])
    part = {
        "heading": "",
        "columns": [_("For"), _("Amount")],
        "wide": 0,
        "rows": rows,
        "totals": totals,
        "totals_head": [_("Sum"), _("Amount")],
    }
    return render(_("Receipt %(number)s", number=receipt.number), facts, [part], [_("Thank you.")])


def of_statement(statement: Statement) -> bytes:
    """A year's statement as PDF: every payment and what went back, with a sum for each currency."""
    parts = []
    for currency, lines in statement.lines.items():
        rows = [[date_text(line.at, "medium"), line.words, line.number, money(line.amount, currency)] for line in lines]
        sums = statement.sums[currency]
        totals = [[_("Paid"), money(sums.paid, currency)]]
        if sums.fee_cover:
            totals.append([_("of which payment fees, covered by you"), money(sums.fee_cover, currency)])
        if sums.back:
            totals.append([_("Paid back"), money(-sums.back, currency)])
        totals.append([_("Total for %(year)s", year=statement.year), money(sums.paid - sums.back, currency)])
        parts.append(
            {
                "heading": currency.upper() if len(statement.lines) > 1 else "",
                "columns": [_("Date"), _("For"), _("Receipt"), _("Amount")],
                "wide": 1,
                "rows": rows,
                "totals": totals,
                "totals_head": [_("Sum"), _("Amount")],
            }
        )
    facts = [
        [_("To"), ", ".join(filter(None, [statement.name, statement.email]))],
        [_("Period"), _("%(first)s to %(last)s", first=date_text(statement.first), last=date_text(statement.last))],
        [_("Made on"), date_text(statement.made_at)],
    ]
    notes = [] if parts else [_("Nothing was paid in this year.")]
    return render(_("Statement for %(year)s", year=statement.year), facts, parts, notes)


def render(title: str, facts: list[list[str]], parts: list[dict[str, Any]], notes: list[str]) -> bytes:
    """The PDF, tagged, with its fonts inside. PDF/UA-1 unless a name needs a letter that our fonts do not have."""
    import typst  # 34 MB that only this page needs

    config = settings()
    lang, _sep, region = config["LOCALE"].partition("_")
    paper = {
        "title": title,
        "issuer": [config["LEGAL_NAME"], *filter(None, config["POSTAL_ADDRESS"].splitlines())],
        "keywords": [config["SITE_NAME"]],
        "lang": lang,
        "region": region or None,
        "format": "us-letter" if region in LETTER else "a4",
        "footer": f"{config['SITE_NAME']} · {title}",
        "facts": facts,
        "parts": parts,
        "notes": notes,
    }
    asked: dict[str, Any] = {
        "root": str(FOLDER),
        "sys_inputs": {"paper": json.dumps(paper, ensure_ascii=False).translate(TURNING)},
        "ignore_system_fonts": True,
    }
    source = str(FOLDER / "paper.typ")
    try:
        return typst.compile(source, font_paths=_fonts(), pdf_standards="ua-1", **asked)
    except typst.TypstError as error:
        if "could not be displayed" not in error.message:
            raise
        # Tagged all the same; the machine's own fonts may have what ours have not.
        log.info("a paper's letters are not all in our fonts")
        return typst.compile(source, font_paths=_fonts(system=True), **asked)


@cache
def _fonts(system: bool = False) -> Any:
    """The fonts in typst's own wheel, read once a process; ``system`` adds those of the machine."""
    import typst

    return typst.Fonts(include_system_fonts=system)
