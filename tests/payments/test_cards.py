"""Which card is charged next, until when it is good, and what the next payment takes: tables."""

from datetime import UTC, datetime
from typing import Any

import pytest

from payments.domain import cards, dunning
from payments.domain.cards import Card
from payments.domain.upcoming import next_payment


def method(method_id: str, year: int = 2027, month: int = 12) -> dict[str, Any]:
    return {"id": method_id, "type": "card", "card": {"brand": "visa", "last4": "4242", "exp_year": year, "exp_month": month}}


def found(own: Any = None, theirs: Any = None, customer: Any = "shown") -> dict[str, Any]:
    shown = {"id": "cus_1", "invoice_settings": {"default_payment_method": theirs}}
    return {"default_payment_method": own, "customer": shown if customer == "shown" else customer}


DECEMBER, MAY = datetime(2028, 1, 1, tzinfo=UTC), datetime(2027, 6, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("subscription", "card"),
    [
        (found(method("pm_own"), method("pm_theirs")), Card("pm_own", "visa", "4242", DECEMBER)),
        (found(None, method("pm_theirs", month=5)), Card("pm_theirs", "visa", "4242", MAY)),
        (found(), None),
        (found(customer={"id": "cus_1", "deleted": True}), None),
        (found({"id": "pm_sepa", "type": "sepa_debit", "sepa_debit": {"last4": "3000"}}), Card("pm_sepa", None, "3000", None)),
        (found({"id": "pm_link", "type": "link"}), Card("pm_link")),
    ],
)
def test_the_card_on_file(subscription: dict[str, Any], card: Card | None) -> None:
    assert cards.on_file(subscription) == card


@pytest.mark.parametrize("subscription", [found("pm_own"), found(customer="cus_1"), found(theirs="pm_theirs")])
def test_what_is_not_shown_is_not_guessed(subscription: dict[str, Any]) -> None:
    with pytest.raises(cards.NotShown):
        cards.on_file(subscription)


DUE = 1_800_000_000


def coupon(duration: str, end: int | None = None, **off: Any) -> dict[str, Any]:
    return {"source": {"coupon": {"duration": duration, **off}}, "end": end}


@pytest.mark.parametrize(
    ("discounts", "amount", "until"),
    [
        ([], 500, None),
        ([coupon("once", percent_off=100)], 0, None),
        ([coupon("forever", percent_off=20)], 400, None),
        ([coupon("repeating", DUE + 86400, amount_off=150)], 350, datetime.fromtimestamp(DUE + 86400, UTC)),
        ([coupon("repeating", DUE, amount_off=150)], 500, None),
        ([coupon("forever", percent_off=50), coupon("once", amount_off=100)], 150, None),
        (["di_not_shown"], 500, None),
    ],
)
def test_what_the_next_payment_takes(discounts: list[Any], amount: int, until: datetime | None) -> None:
    item = {"price": {"unit_amount": 500}, "quantity": 1, "current_period_end": DUE}
    assert next_payment({"items": {"data": [item]}, "discounts": discounts}) == (amount, until)
    item["price"] = {"unit_amount": 7000}
    assert next_payment({"items": {"data": [item]}, "discounts": discounts}, 500) == (amount, until), "of the plan that waits, if one does"


@pytest.mark.parametrize(
    ("intent", "consent"),
    [
        (None, False),
        ({"status": "requires_action"}, True),
        ({"status": "requires_payment_method", "last_payment_error": {"code": "authentication_required"}}, True),
        ({"status": "requires_payment_method", "last_payment_error": {"code": "card_declined"}}, False),
        ({"status": "requires_payment_method", "last_payment_error": None}, False),
    ],
)
def test_whose_word_is_missing(intent: dict[str, Any] | None, consent: bool) -> None:
    assert dunning.waits_for_consent(intent) == consent


DAY = 86400


@pytest.mark.parametrize(
    ("failed", "closes", "now", "wanted"),
    [
        (0, 7, 4.9, False),
        (0, 7, 5, True),
        (0, 7, 6.99, True),
        (0, 7, 7, False),
        (0, 2, 0.5, False),
        (0, 3, 1, True),
    ],
)
def test_the_last_call_is_made_in_time_and_not_on_the_heels_of_the_first(failed: float, closes: float, now: float, wanted: bool) -> None:
    at = [datetime.fromtimestamp(DUE + DAY * day, UTC) for day in (failed, closes, now)]
    assert dunning.wants_last_call(*at) == wanted
