"""What the form may say: every field refused by its name, all at once."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kit.problems import Refused
from payments.domain import contributions as rules
from payments.domain.contributions import Terms, accept, status_of
from payments.domain.fees import Tariff

TERMS = Terms("usd", 100, 1_000_000, (500, 1000, 2500), Tariff(290, 30))
GOOD = {"amount": "25.00", "frequency": "once", "email": "ann@reader.example"}


def problems(**typed: str) -> dict[str, str]:
    with pytest.raises(Refused) as caught:
        accept({**GOOD, **typed}, TERMS)
    return {field: problem.text for field, problem in caught.value.problems.items()}


def test_a_plain_contribution() -> None:
    found = accept(GOOD, TERMS)
    assert (found.amount, found.fee_cover, found.charged, found.currency, found.frequency) == (2500, 0, 2500, "usd", "once")
    assert (found.email, found.email_key, found.anonymous) == ("ann@reader.example", "ann@reader.example", False)


def test_a_suggested_amount_and_the_fee_covered() -> None:
    found = accept({**GOOD, "amount": "", "suggested": "2500", "cover_fee": "y", "frequency": "month"}, TERMS)
    assert (found.amount, found.fee_cover, found.charged, found.frequency) == (2500, 106, 2606, "month")


def test_an_own_amount_wins_over_the_suggestion_still_chosen() -> None:
    assert accept({**GOOD, "amount": "7.50", "suggested": "2500"}, TERMS).amount == 750


@pytest.mark.parametrize(
    ("typed", "field", "text"),
    [
        ({"amount": "", "suggested": ""}, "amount", rules.amounts.MISSING),
        ({"amount": "", "suggested": "1"}, "amount", rules.SUGGESTION_UNKNOWN),
        ({"amount": "", "suggested": "2500.0"}, "amount", rules.SUGGESTION_UNKNOWN),
        ({"frequency": "week"}, "frequency", rules.FREQUENCY_UNKNOWN),
        ({"frequency": ""}, "frequency", rules.FREQUENCY_UNKNOWN),
        ({"email": ""}, "email", rules.EMAIL_MISSING),
        ({"email": "ann@"}, "email", rules.EMAIL_WRONG),
        ({"email": "ann@reader.example\r\nBcc: x@y.example"}, "email", rules.EMAIL_WRONG),
        ({"name": "x" * 201}, "name", rules.NAME_LONG),
        ({"message": "x" * 501}, "message", rules.MESSAGE_LONG),
    ],
)
def test_each_refusal_at_its_field(typed: dict[str, str], field: str, text: str) -> None:
    assert problems(**typed) == {field: text}


def test_everything_wrong_is_said_at_once() -> None:
    assert set(problems(amount="x", frequency="", email="x", name="x" * 300, message="x" * 600)) == {
        "amount",
        "frequency",
        "email",
        "name",
        "message",
    }


def test_control_and_direction_characters_do_not_get_through() -> None:
    found = accept({**GOOD, "name": "Ann\r\nSubject:\u202e x\x00", "message": "one\r\ntwo\u202e\x07"}, TERMS)
    assert found.name == "Ann Subject: x"
    assert found.message == "one\ntwo"


@given(
    st.dictionaries(
        st.sampled_from(["amount", "suggested", "frequency", "email", "name", "message", "cover_fee", "anonymous"]), st.text(max_size=30)
    )
)
def test_whatever_is_typed_is_accepted_within_the_terms_or_refused(typed: dict[str, str]) -> None:
    try:
        found = accept({**GOOD, **typed}, TERMS)
    except Refused:
        return
    assert TERMS.minimum <= found.amount <= TERMS.maximum
    assert found.fee_cover in (0, TERMS.cover(found.amount))


@pytest.mark.parametrize(
    ("frequency", "says", "paid", "returned", "expected"),
    [
        ("once", "pending", 0, 0, "pending"),
        ("once", "failed", 0, 0, "failed"),
        ("once", "canceled", 0, 0, "canceled"),
        ("once", "pending", 2500, 0, "paid"),
        ("once", "failed", 2500, 0, "paid"),
        ("once", "pending", 2500, 1000, "paid"),
        ("once", "pending", 2500, 2500, "refunded"),
        ("month", "pending", 2500, 0, "pending"),
        ("month", "active", 2500, 0, "active"),
        ("month", "active", 2500, 2500, "active"),
        ("month", "past_due", 2500, 0, "past_due"),
        ("month", "canceled", 2500, 0, "canceled"),
        ("month", "canceled", 5000, 5000, "refunded"),
    ],
)
def test_status_by_the_facts(frequency: str, says: str, paid: int, returned: int, expected: str) -> None:
    assert status_of(frequency, says, paid, returned) == expected


def test_no_one_off_contribution_is_paid_without_money() -> None:
    for says, returned in product(["pending", "failed", "canceled", "active", "past_due"], [0, 100]):
        assert status_of("once", says, 0, returned) in ("pending", "failed", "canceled")
