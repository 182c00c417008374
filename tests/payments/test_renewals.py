"""Since when nothing is paid: read from a Subscription's bills, whatever Stripe's running period says."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.domain.renewals import unpaid_since

OWED = {"open": True, "uncollectible": True, "draft": False, "void": False}


def bill(number: int, status: str, *, attempted: bool = True, prorates: bool = False) -> dict[str, Any]:
    """The bill of the month ``number``."""
    parent = {"type": "subscription_item_details", "subscription_item_details": {"proration": prorates}}
    line = {"parent": parent, "period": {"start": number, "end": number + 1}}
    return {"status": status, "attempted": attempted, "lines": {"data": [line]}}


@pytest.mark.parametrize(
    ("told", "since"),
    [
        ("", None),
        ("paid", None),
        ("paid open", 1),
        ("paid open open", 1),
        ("paid open open draft", 1),
        ("paid open draft draft", 1),
        ("paid draft", None),  # its first hour: nobody was asked yet
        ("paid void open", 2),  # paused, or taken back by staff
        ("paid open void open", 1),
        ("open paid open", 2),  # the newest that was paid counts, and not a hole before it
        ("paid uncollectible open", 1),
        ("paid paid", None),
    ],
)
def test_the_oldest_period_that_was_asked_for_and_not_paid(told: str, since: int | None) -> None:
    bills = [bill(number, status) for number, status in enumerate(told.split())]
    assert unpaid_since(reversed(bills)) == since


def test_paused_months_that_were_given_up_are_no_debt() -> None:
    assert unpaid_since([bill(3, "open"), bill(2, "uncollectible", attempted=False), bill(1, "draft"), bill(0, "paid")]) == 3


def test_a_bill_of_a_change_says_nothing_of_a_period_paid_or_not() -> None:
    change = bill(1, "open", prorates=True)
    assert unpaid_since([change, bill(1, "paid")]) is None
    assert unpaid_since([bill(1, "paid", prorates=True), bill(1, "open"), bill(0, "paid")]) == 1
    assert unpaid_since([{"status": "open", "lines": {"data": []}}, bill(0, "paid")]) is None


def staffs(at: int, status: str) -> dict[str, Any]:
    """A bill of what staff asked for besides, dated the day on which that was written."""
    parent = {"type": "invoice_item_details", "invoice_item_details": {"proration": False}}
    return {"status": status, "attempted": True, "lines": {"data": [{"parent": parent, "period": {"start": at, "end": at}}]}}


def test_what_staff_asks_for_besides_is_no_period() -> None:
    renewal = bill(30, "open")
    renewal["lines"]["data"] += staffs(10, "open")["lines"]["data"]
    assert unpaid_since([renewal, bill(0, "paid")]) == 30, "paid to the thirtieth, whatever was added on the tenth"
    assert unpaid_since([staffs(40, "paid"), bill(30, "open"), bill(0, "paid")]) == 30, "and its payment pays no renewal"


@given(st.lists(st.sampled_from(["paid", *OWED]), max_size=12))
def test_it_is_what_a_walk_from_the_oldest_says(statuses: list[str]) -> None:
    wanted = None
    for number, status in enumerate(statuses):
        if status == "paid":
            wanted = None
        elif OWED[status] and wanted is None:
            wanted = number
    assert unpaid_since(bill(n, s) for n, s in reversed(list(enumerate(statuses)))) == wanted


def test_no_more_is_read_than_is_needed() -> None:
    def told() -> Iterator[dict[str, Any]]:
        yield bill(2, "open")
        yield bill(1, "paid")
        raise AssertionError("another page was asked for")

    assert unpaid_since(told()) == 2
