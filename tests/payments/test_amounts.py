"""M01, M02: which texts are amounts, to the minor unit, against an oracle that reads them with Decimal."""

import re
from decimal import Decimal, InvalidOperation

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kit.currencies import exponent, step
from kit.problems import Refused
from payments.domain import amounts

LEAST, MOST = 100, 1_000_000


def reading(typed: str, currency: str = "usd", minimum: int = LEAST, maximum: int = MOST) -> int | str:
    try:
        return amounts.parse(typed, currency, minimum, maximum)
    except Refused as refusal:
        return refusal.problems["amount"].text


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("25", 2500),
        ("25.00", 2500),
        ("25,00", 2500),
        ("25.5", 2550),
        (" 25 ", 2500),
        ("\u00a025.00\u00a0", 2500),
        ("0025", 2500),
        ("1.00", 100),
        ("10000.00", 1_000_000),
        ("$20", 2000),
        ("20 $", 2000),
        ("USD 20.50", 2050),
        ("20.50usd", 2050),
        ("", amounts.MISSING),
        ("   ", amounts.MISSING),
        ("-5", amounts.SIGNED),
        ("+5", amounts.SIGNED),
        ("\u22125", amounts.SIGNED),
        ("0", amounts.TOO_SMALL),
        ("0.99", amounts.TOO_SMALL),
        ("0.004", amounts.GROUPED),
        ("0.0004", amounts.TOO_FINE),
        ("10000.01", amounts.TOO_LARGE),
        ("1000000000", amounts.TOO_LARGE),
        ("1" * 4301, amounts.TOO_LARGE),
        ("1,500", amounts.GROUPED),
        ("1.500", amounts.GROUPED),
        ("1 500", amounts.GROUPED),
        ("1,500.00", amounts.GROUPED),
        ("1\u202f500,00", amounts.GROUPED),
        ("NaN", amounts.NOT_AN_AMOUNT),
        ("inf", amounts.NOT_AN_AMOUNT),
        ("1e2", amounts.NOT_AN_AMOUNT),
        ("1e9", amounts.NOT_AN_AMOUNT),
        ("1_0", amounts.NOT_AN_AMOUNT),
        ("٣", amounts.NOT_AN_AMOUNT),
        ("２５", amounts.NOT_AN_AMOUNT),
        ("²", amounts.NOT_AN_AMOUNT),
        ("0x10", amounts.NOT_AN_AMOUNT),
        ("5;6", amounts.NOT_AN_AMOUNT),
        ("5 6", amounts.NOT_AN_AMOUNT),
        ("€25", amounts.NOT_AN_AMOUNT),
        ("$$25", amounts.NOT_AN_AMOUNT),
        ("$-25", amounts.SIGNED),
        ("$ 1,500", amounts.GROUPED),
        ("20 dollars", amounts.NOT_AN_AMOUNT),
        ("$", amounts.MISSING),
        ("25.", amounts.NOT_AN_AMOUNT),
        (".50", amounts.NOT_AN_AMOUNT),
        ("25.00.00", amounts.NOT_AN_AMOUNT),
        ("[25]", amounts.NOT_AN_AMOUNT),
        ('{"amount": 25}', amounts.NOT_AN_AMOUNT),
        ("25\n30", amounts.NOT_AN_AMOUNT),
        ("25\x00", amounts.NOT_AN_AMOUNT),
    ],
)
def test_M01_table(typed: str, expected: int | str) -> None:
    assert reading(typed) == expected


@pytest.mark.parametrize(
    ("currency", "typed", "expected"),
    [
        ("jpy", "2500", 2500),
        ("jpy", "2500.00", amounts.TOO_FINE_WHOLE),
        ("jpy", "2500.5", amounts.TOO_FINE_WHOLE),
        ("jpy", "2,500", amounts.GROUPED),
        ("kwd", "2.5", 2500),
        ("kwd", "2.500", 2500),
        ("kwd", "2.505", amounts.NO_SUCH_STEP),
        ("kwd", "2.5000", amounts.TOO_FINE),
        ("isk", "2500", 250_000),
        ("isk", "2500.00", 250_000),
        ("isk", "2500.50", amounts.TOO_FINE_WHOLE),
        ("ugx", "2500", 250_000),
        ("eur", "2,50", 250),
    ],
)
def test_M02_by_the_currency_s_decimals(currency: str, typed: str, expected: int | str) -> None:
    assert reading(typed, currency) == expected


CURRENCIES = st.sampled_from(["usd", "eur", "jpy", "krw", "kwd", "bhd", "isk", "ugx", "huf"])
# Mostly what could pass for a number, some of anything.
TYPED = st.one_of(
    st.text("0123456789.,-+ eE_'\u00a0\u0663", max_size=14),
    st.from_regex(re.compile(r"[0-9]{1,8}([.,][0-9]{0,4})?", re.ASCII), fullmatch=True),
    st.text(max_size=20),
)


def oracle(typed: str, currency: str) -> int | None:
    """The same rule said differently: what Decimal reads, if it is written without anything odd."""
    text = typed.strip().replace(",", ".")
    if not text or set(text) - set("0123456789.") or text.startswith(".") or text.endswith("."):
        return None
    try:
        scaled = Decimal(text).scaleb(exponent(currency))
    except InvalidOperation:
        return None
    written = text.partition(".")[2]
    if len(written) > exponent(currency) or scaled != scaled.to_integral_value():
        return None
    amount = int(scaled)
    return amount if LEAST <= amount <= MOST and amount % step(currency) == 0 else None


@given(TYPED, CURRENCIES)
@example("1_0", "usd")
@example("٣", "usd")
def test_M01_the_accepted_set_is_the_oracle_s(typed: str, currency: str) -> None:
    found = reading(typed, currency)
    assert (found if isinstance(found, int) else None) == oracle(typed, currency)


@given(st.integers(LEAST, MOST), CURRENCIES)
def test_every_amount_that_exists_can_be_typed_both_ways(amount: int, currency: str) -> None:
    amount -= amount % step(currency)
    if amount < LEAST:
        return
    decimals = exponent(currency)
    text = f"{amount:0{decimals + 1}d}"
    written = f"{text[:-decimals]}.{text[-decimals:]}" if decimals else text
    assert reading(written, currency) == reading(written.replace(".", ","), currency) == amount


def test_a_refusal_names_the_bound_with_its_currency() -> None:
    with pytest.raises(Refused, match=r"The smallest amount is 1\.00 USD"):
        amounts.parse("0.50", "usd", LEAST, MOST)
