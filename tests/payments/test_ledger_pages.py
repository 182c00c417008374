"""The ledger as bookkeeping sees it: narrowed, summed by currency, and as a spreadsheet that runs nothing."""

import csv
import io
from datetime import UTC, datetime

import pytest

from kit.database import db
from kit.spreadsheets import safe
from payments.models import LedgerEntry


def book(
    source_id: str, amount: int, kind: str = "payment", *, currency: str = "usd", purpose: str = "contribution", at=None, note: str = ""
) -> None:
    at = at or datetime(2026, 10, 15, tzinfo=UTC)
    db.session.add(
        LedgerEntry(
            source_id=source_id,
            kind=kind,
            purpose=purpose,
            amount=amount,
            currency=currency,
            occurred_at=at,
            recorded_at=at,
            charge_id=source_id,
            note=note,
        )
    )
    db.session.commit()


@pytest.fixture
def desk(visit, staff):
    return visit(staff("finance"))


def test_sums_are_by_currency_and_of_what_is_shown(desk):
    book("ch_1", 2500)
    book("re_1", -500, "refund")
    book("ch_2", 1000, purpose="subscription")
    book("ch_3", 3000, currency="jpy")
    page = desk.get("/admin/ledger/")
    assert "USD$35.00-$5.00$30.00" in page.text.replace(" ", "")
    assert "JPY¥3,000¥3,000" in page.text.replace(" ", "")
    page = desk.get("/admin/ledger/?purpose=subscription")
    assert "$10.00" in page.text
    assert "ch_1" not in page.text


def test_a_month_is_the_publication_s(desk):
    book("ch_first", 100, at=datetime(2026, 11, 1, 4, 0, tzinfo=UTC))  # midnight in New York
    book("ch_last", 200, at=datetime(2026, 11, 1, 3, 59, 59, tzinfo=UTC))
    october, november = desk.get("/admin/ledger/?month=2026-10").text, desk.get("/admin/ledger/?month=2026-11").text
    assert ("ch_last" in october, "ch_first" in october) == (True, False)
    assert ("ch_last" in november, "ch_first" in november) == (False, True)
    assert desk.get("/admin/ledger/?month=2026-12").status == 200


@pytest.mark.parametrize("query", ["month=2026-13", "month=0000-01", "month=2026-1", "month=x", "kind=gift", "purpose='"])
def test_a_filter_that_is_none_is_a_wrong_address(desk, query):
    assert desk.get(f"/admin/ledger/?{query}").status == 404
    assert desk.get(f"/admin/ledger/ledger.csv?{query}").status == 404


def test_the_spreadsheet_runs_nothing_that_somebody_typed(desk):
    book("=cmd|' /C calc'!A0", 2500, note="@SUM(1+1)")
    book("re_1", -500, "refund")
    answer = desk.get("/admin/ledger/ledger.csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.html)))
    assert {row["source_id"] for row in rows} == {"'=cmd|' /C calc'!A0", "re_1"}
    assert {row["note"] for row in rows} == {"'@SUM(1+1)", ""}
    assert {row["amount"] for row in rows} == {"25.00", "-5.00"}


@pytest.mark.parametrize(
    ("typed", "written"),
    [
        ("=1", "'=1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@a", "'@a"),
        ("\t=1", "'\t=1"),
        ("\r=1", "'\r=1"),
        (" =1", "' =1"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_what_a_cell_may_hold(typed, written):
    assert safe(typed) == written


def test_unexpected_money_stands_out(desk):
    book("ch_1", 2500, purpose="unknown", note="unexpected: asked 2500 usd, got 100 usd (minor units)")
    page = desk.get("/admin/ledger/?purpose=unknown")
    assert "Look at this" in page.text


def test_pages_of_fifty(desk):
    for n in range(51):
        book(f"ch_{n:03d}", 100)
    first, second = desk.get("/admin/ledger/"), desk.get("/admin/ledger/?page=2")
    assert first.html.count("<code>") == 50
    assert second.html.count("<code>") == 1


@pytest.mark.parametrize(("role", "status"), [(None, 404), ("editor", 403), ("support", 403), ("finance", 200), ("owner", 200)])
def test_who_may(visit, make_account, role, status):
    browser = visit(make_account(role=role))
    assert browser.get("/admin/ledger/").status == status
    assert browser.get("/admin/ledger/ledger.csv").status == status
