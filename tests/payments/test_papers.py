"""Receipts and yearly statements as PDF, read back: what they say, tagged, titled, in a language, and never as markup."""

import io
from datetime import UTC, datetime

import pypdf
import pytest
from sqlalchemy import select

from kit import clock
from kit.database import db
from payments import papers, statements
from payments.models import LedgerEntry, Receipt
from tests.payments.givers import contribute

HOSTILE = '#panic("x") *bold* $x^2$ <label> \\ @ref // c /* d */ `raw` = #include "/etc/passwd"'


def read(data: bytes) -> tuple[pypdf.PdfReader, str]:
    reader = pypdf.PdfReader(io.BytesIO(data))
    return reader, " ".join(" ".join(page.extract_text() for page in reader.pages).split())


def well_made(reader: pypdf.PdfReader, title: str) -> None:
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] is True or bool(root["/MarkInfo"]["/Marked"]) is True
    assert "/StructTreeRoot" in root
    assert root["/Lang"] == "en-US"
    assert reader.metadata is not None
    assert reader.metadata.title == title
    assert bool(root["/ViewerPreferences"]["/DisplayDocTitle"]) is True
    fonts = [font.get_object() for page in reader.pages for font in page["/Resources"]["/Font"].values()]
    assert fonts
    assert all("/FontFile" in str(descriptor(font)) for font in fonts)  # inside: no reader needs them


def descriptor(font) -> object:
    inner = font["/DescendantFonts"][0].get_object() if "/DescendantFonts" in font else font
    return inner["/FontDescriptor"].get_object().keys()


def only(model):
    db.session.rollback()
    return db.session.scalars(select(model)).one()


@pytest.fixture
def receipt(visit, sandbox, deliver) -> Receipt:
    contribute(visit(), sandbox, name=HOSTILE, dedication_kind="honour", dedication="Ada #sys Bell", cover_fee="y")
    deliver()
    return only(Receipt)


def test_a_receipt_says_what_the_page_says(receipt, visitor):
    page = visitor.get(f"/account/receipts/{receipt.public_id}")
    address = f"/account/receipts/{receipt.public_id}/receipt.pdf"
    assert address in page.links()
    answer = visitor.get(address)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "application/pdf")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="receipt-{receipt.number}.pdf"'
    assert (answer.headers["Referrer-Policy"], answer.headers["Cache-Control"]) == ("no-referrer", "private, no-store")
    reader, text = read(answer.response.get_data())
    well_made(reader, f"Receipt {receipt.number}")
    for words in (HOSTILE, "gus@guest.example", "In honour of Ada #sys Bell", "Contribution to The Ferry Bell", "$25.00", "Payment fee, covered by you", "$1.06", "Paid $26.06"):  # fmt: skip
        assert words in text


def test_what_went_back_is_on_it(receipt, visitor, sandbox, deliver):
    sandbox.refund(receipt_charge(receipt), 606)
    deliver()
    _, text = read(visitor.get(f"/account/receipts/{receipt.public_id}/receipt.pdf").response.get_data())
    assert "Paid back since -$6.06" in text
    assert "Remains $20.00" in text


def receipt_charge(receipt: Receipt) -> str:
    db.session.rollback()
    return db.session.get_one(LedgerEntry, receipt.ledger_entry_id).charge_id or ""


@pytest.mark.parametrize("name", ["山田 花子", "Дмитрий Ελένη", "עברית", "🎉 Party", "a\u202eb", "\u0000x", "x" * 200, ""])
def test_any_name_makes_a_paper(app, name):
    with app.test_request_context():
        reader, text = read(papers.render("Statement for 2026", [["To", name]], [], ["Thank you."]))
    well_made_title = reader.metadata.title if reader.metadata else ""
    assert well_made_title == "Statement for 2026"
    assert "/StructTreeRoot" in reader.trailer["/Root"]
    assert "Thank you." in text


def test_a_year_of_a_reader(visit, sandbox, deliver, make_account):
    account = make_account("ann@reader.example", name="Ann")
    for _ in range(2):
        contribute(visit(account), sandbox, email="ann@reader.example", cover_fee="y")
    deliver()
    charge_id = list(sandbox.world.store.all("charge"))[-1]["id"]
    sandbox.refund(charge_id, 606)
    deliver()
    year = clock.now().year
    db.session.rollback()
    account = db.session.merge(account)
    browser = visit(account)
    assert f"/account/statements/{year}.pdf" in browser.get("/account/").links()
    reader, text = read(browser.get(f"/account/statements/{year}.pdf").response.get_data())
    well_made(reader, f"Statement for {year}")
    for words in (
        "Ann, ann@reader.example",
        "Paid $52.12",
        "of which payment fees, covered by you $2.12",
        "Paid back -$6.06",
        f"Total for {year} $46.06",
    ):
        assert words in text
    assert browser.get(f"/account/statements/{year - 1}.pdf").status == 404
    other = visit(make_account("eve@reader.example"))
    assert other.get(f"/account/statements/{year}.pdf").status == 404
    assert visit().get(f"/account/statements/{year}.pdf").status == 303
    desk = visit(make_account("desk@ferry.example", role="support"))
    assert desk.get(f"/admin/statements/{account.public_id}/{year}.pdf").status == 200
    assert other.get(f"/admin/statements/{account.public_id}/{year}.pdf").status == 404


def test_a_guest_s_year_by_her_receipt_until_an_account_has_it(receipt, visit, sandbox, deliver, make_account):
    year = clock.now().year
    address = f"/account/receipts/{receipt.public_id}/statement-{year}.pdf"
    assert address in visit().get(f"/account/receipts/{receipt.public_id}").links()
    contribute(visit(), sandbox, email="eve@guest.example", amount="99")
    deliver()
    _, text = read(visit().get(address).response.get_data())
    assert f"Total for {year} $26.06" in text
    assert "99.00" not in text
    found = db.session.get_one(Receipt, receipt.id)
    found.account_id = make_account("gus@guest.example").id
    db.session.commit()
    assert visit().get(address).status == 404


def test_the_year_is_the_publication_s(app, make_account):
    """New Year's Eve in New York is already the next year in UTC."""
    account = make_account()
    for n, at in enumerate(
        (datetime(2026, 1, 1, 4, 59, tzinfo=UTC), datetime(2026, 1, 1, 5, 0, tzinfo=UTC), datetime(2027, 1, 1, 4, 59, tzinfo=UTC))
    ):
        db.session.add(LedgerEntry(source_id=f"ch_{n}", charge_id=f"ch_{n}", kind="payment", purpose="contribution", amount=10**n, currency="usd",
                                   occurred_at=at, recorded_at=at, account_id=account.id))  # fmt: skip
    db.session.commit()
    assert statements.years_of(account.id) == [2026, 2025]
    sums = {year: statements.of_account(account, year) for year in (2025, 2026)}
    assert {year: made.sums["usd"].paid for year, made in sums.items() if made} == {2025: 1, 2026: 110}


def test_currencies_are_not_added_up(app, make_account):
    account = make_account()
    at = datetime(2026, 5, 1, tzinfo=UTC)
    for currency in ("usd", "jpy"):
        db.session.add(LedgerEntry(source_id=f"ch_{currency}", charge_id=f"ch_{currency}", kind="payment", purpose="contribution", amount=2500,
                                   currency=currency, occurred_at=at, recorded_at=at, account_id=account.id))  # fmt: skip
    db.session.commit()
    with app.test_request_context():
        made = statements.of_account(account, 2026)
        assert made is not None
        _, text = read(papers.of_statement(made))
    assert "Total for 2026 $25.00" in text
    assert "Total for 2026 ¥2,500" in text
