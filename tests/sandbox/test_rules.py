"""The rules of billing as tables."""

import datetime as dt

import pytest

from sandbox.billing import cards, discounts, money, periods, proration
from sandbox.errors import StripeError
from sandbox.form import nested
from sandbox.objects import difference


def at(text):
    return int(dt.datetime.fromisoformat(text + "+00:00").timestamp())


@pytest.mark.parametrize(("amount", "fee"), [(0, 30), (100, 33), (1000, 59), (2500, 103), (1, 30), (17, 30), (18, 31), (10_000, 320)])
def test_the_fee_is_rounded_half_up_in_integers(amount, fee):
    assert money.fee_of(amount) == fee


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(2500, "usd", "$25.00"), (-5, "eur", "-€0.05"), (1200, "jpy", "¥1,200"), (123456, "sek", "SEK 1,234.56")],
)
def test_amounts_in_words(amount, currency, text):
    assert money.text(amount, currency) == text


@pytest.mark.parametrize(
    ("start", "interval", "count", "anchor", "end"),
    [
        ("2025-01-31T08:00", "month", 1, None, "2025-02-28T08:00"),
        ("2025-02-28T08:00", "month", 1, "2025-01-31T08:00", "2025-03-31T08:00"),
        ("2024-02-29T08:00", "year", 1, None, "2025-02-28T08:00"),
        ("2025-12-15T00:00", "month", 2, None, "2026-02-15T00:00"),
        ("2025-01-01T00:00", "week", 2, None, "2025-01-15T00:00"),
        ("2025-01-01T00:00", "day", 30, None, "2025-01-31T00:00"),
    ],
)
def test_periods_keep_the_anchors_day(start, interval, count, anchor, end):
    assert periods.add(at(start), interval, count, at(anchor) if anchor else None) == at(end)


@pytest.mark.parametrize(("now", "part"), [(0, 1000), (50, 500), (99, 10), (100, 0), (200, 0), (-5, 1000)])
def test_the_share_of_the_rest_of_a_period(now, part):
    assert proration.share(1000, 0, 100, now) == part


@pytest.mark.parametrize(
    ("coupon", "amount", "off"),
    [
        ({"percent_off": 25.5, "amount_off": None}, 1000, 255),
        ({"percent_off": 33.33, "amount_off": None}, 50, 17),
        ({"percent_off": 100, "amount_off": None}, 999, 999),
        ({"percent_off": None, "amount_off": 300}, 1000, 300),
        ({"percent_off": None, "amount_off": 300}, 200, 200),
        ({"percent_off": 50, "amount_off": None}, -100, 0),
    ],
)
def test_what_a_coupon_takes_off(coupon, amount, off):
    assert discounts.amount_off(coupon, amount) == off


def test_every_named_test_card_exists():
    for name, number in cards.NAMES.items():
        assert cards.named(f"pm_card_{name}") is cards.CARDS[number]
    assert cards.named("pm_card_nonsense") is None
    assert cards.numbered("4242-4242 4242 4242") is cards.CARDS["4242424242424242"]


def test_bracketed_forms():
    pairs = [("a[b][0][c]", "1"), ("a[b][1][c]", "2"), ("l[]", "x"), ("l[]", "y"), ("plain", "z")]
    assert nested(pairs) == {"a": {"b": {"0": {"c": "1"}, "1": {"c": "2"}}}, "l": {"0": "x", "1": "y"}, "plain": "z"}
    for wrong in ("a[", "[a]", "a]b"):
        with pytest.raises(StripeError):
            nested([(wrong, "1")])
    with pytest.raises(StripeError):
        nested([("a", "1"), ("a[b]", "2")])


def test_previous_attributes_go_hash_by_hash_but_lists_whole():
    before = {"a": 1, "h": {"x": 1, "y": 2}, "items": {"object": "list", "data": [1]}, "l": [1]}
    after = {"a": 1, "h": {"x": 1, "y": 3}, "items": {"object": "list", "data": [2]}, "l": [1, 2]}
    assert difference(before, after) == {"h": {"y": 2}, "items": {"object": "list", "data": [1]}, "l": [1]}
