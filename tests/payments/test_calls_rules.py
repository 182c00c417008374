"""Rules of outgoing calls: what an object shows, when a key is over, how the rate is shared, when nobody asks any more."""

from datetime import UTC, datetime, timedelta

import pytest

from payments.domain import calls as rules
from payments.domain import sites
from payments.pacing import Breaker, Bucket, burst, share

ANN = {"email": "ann@reader.example", "metadata": {"account": "a1"}}
OLD = {"id": "di_1", "source": {"coupon": {"id": "spring"}}}
NEW = {"id": "di_2", "source": {"coupon": {"id": "free"}}}


@pytest.mark.parametrize(
    ("verb", "params", "found", "did"),
    [
        ("update", {"cancel_at_period_end": True, "expand": ["x"]}, {"cancel_at_period_end": True}, True),
        ("update", {"cancel_at_period_end": True}, {"cancel_at_period_end": False}, False),
        ("update", {"cancel_at": ""}, {"cancel_at": None}, True),
        ("update", {"metadata": {"a": "1"}}, {"metadata": {"a": "1", "b": "2"}}, True),
        ("update", {"metadata": {"a": "1"}}, {"metadata": {}}, False),
        ("update", {"items": [{"id": "si_1", "price": "price_2"}]}, {"items": {"data": [{"id": "si_1", "price": {"id": "price_2"}}]}}, True),
        ("update", {"items": [{"id": "si_1", "price": "price_2"}]}, {"items": {"data": [{"id": "si_1", "price": {"id": "price_1"}}]}}, False),
        ("update", {"items": [{"id": "si_1", "quantity": 3}], "proration_behavior": "none"}, {"items": {"data": [{"id": "si_1", "quantity": 3}]}}, True),
        ("update", {"trial_end": "now", "unheard_of": 1}, {"trial_end": 5}, None),
        ("update", {"expand": ["latest_invoice"]}, {"id": "sub_1"}, None),
        ("update", {"metadata": {"pause": ""}, "billing_cycle_anchor": {"type": "now"}}, {"metadata": {}, "billing_cycle_anchor": 1790000000}, True),
        ("update", {"discounts": [{"discount": "di_1"}, {"coupon": "free"}]}, {"discounts": [OLD, NEW]}, True),
        ("update", {"discounts": [{"discount": "di_1"}, {"coupon": "free"}]}, {"discounts": [OLD]}, False),
        ("update", {"discounts": [{"coupon": "free"}]}, {"discounts": ["di_2"]}, None),
        ("update", {"discounts": [{"coupon": "free"}]}, {"discounts": []}, False),
        ("update", {"discounts": ""}, {"discounts": []}, True),
        ("update", {"discounts": ""}, {"discounts": [OLD]}, False),
        ("cancel", {}, {"status": "canceled"}, True),
        ("cancel", {}, {"status": "active"}, False),
        ("expire", {}, {"status": "complete"}, False),
        ("pay", {}, {"status": "paid"}, True),
        ("resume", {}, {"status": "active"}, True),
        ("attach", {}, {"status": "x"}, None),
    ],
)  # fmt: skip
def test_whether_an_object_shows_what_was_asked_of_it(verb, params, found, did) -> None:
    assert rules.done_to(verb, params, found) is did


def test_a_key_is_over_an_hour_before_stripe_may_forget_it() -> None:
    at = datetime(2026, 11, 22, tzinfo=UTC)
    assert not rules.too_old(at, at + timedelta(hours=22, minutes=59))
    assert rules.too_old(at, at + timedelta(hours=23))


def test_a_customer_is_the_same_wish_under_another_name() -> None:
    renamed = {**ANN, "name": "Ann Other"}
    assert rules.fingerprint("customers.create", "", ANN) == rules.fingerprint("customers.create", "", renamed)
    assert rules.fingerprint("products.create", "", ANN) != rules.fingerprint("products.create", "", renamed)


def test_what_the_site_is_called_makes_no_other_wish() -> None:
    """It may be given another name between two attempts; and what was made before objects bore one is found again."""
    params = {
        "metadata": {"intent": "ci_1"},
        "subscription_data": {"metadata": {"intent": "ci_1", "trial": "gift"}},
        "line_items": [{"quantity": 1}],
    }
    one, other = sites.marked(params, "a.example"), sites.marked(params, "b.example")
    assert (one["metadata"], one["subscription_data"]["metadata"]["site"]) == ({"intent": "ci_1", "site": "a.example"}, "a.example")
    assert len({rules.fingerprint("checkout.sessions.create", "", each) for each in (params, one, other)}) == 1
    assert rules.mark_of(one) == rules.mark_of(params) == {"metadata": {"intent": "ci_1"}}


@pytest.mark.parametrize(
    ("address", "name"),
    [("http://localhost", "localhost"), ("https://a.example/", "a.example"), ("https://a.example:8443/news/", "a.example:8443/news")],
)
def test_a_site_is_called_by_its_address_without_the_scheme(address, name) -> None:
    assert sites.name(address) == name


def test_the_shares_of_all_processes_are_the_rate_of_the_site() -> None:
    assert share(20, 4, page=False) + 4 * share(20, 4, page=True) == pytest.approx(20)


@pytest.mark.parametrize("processes", [1, 2, 4])
def test_what_all_processes_save_up_is_a_quarter_of_the_rate(processes: int) -> None:
    assert burst(20, processes, page=False) + processes * burst(20, processes, page=True) == pytest.approx(5)


def test_a_page_does_not_queue_for_a_token() -> None:
    bucket = Bucket(rate=0.5, burst=1)
    assert [bucket.take(patience=0.1), bucket.take(patience=0.1)] == [True, False]


def test_the_breaker_opens_after_failures_in_a_row_and_lets_one_try() -> None:
    breaker = Breaker(most=2, pause=0.0)
    breaker.failed()
    breaker.answered()
    breaker.failed()
    assert not breaker.is_open()
    breaker.pause = 60
    breaker.failed()
    assert breaker.is_open()
    breaker._until = 0
    assert [breaker.is_open(), breaker.is_open()] == [False, True]
    breaker.answered()
    assert not breaker.is_open()


def test_while_one_tries_nobody_else_does() -> None:
    """A job's try may take longer than the pause: the others must not follow it into the silence, one each ten seconds."""
    breaker = Breaker(most=1, pause=0.0)
    breaker.failed()
    assert [breaker.is_open() for _ in range(3)] == [False, True, True]
    breaker.failed()
    assert [breaker.is_open() for _ in range(2)] == [False, True]
    breaker.answered()
    assert not breaker.is_open()


def test_whether_others_are_answered() -> None:
    breaker = Breaker(most=2)
    breaker.failed()
    assert not breaker.answers_others(), "nobody was, so far"
    breaker.answered()
    breaker.failed()
    assert breaker.answers_others()
    breaker.failed()
    assert not breaker.answers_others()


def test_card_data_and_secrets_are_not_written_down() -> None:
    for name in ("card", "number", "secret"):
        with pytest.raises(ValueError, match="must not be written down"):
            rules.kept({"payment_method_data": {name: "4242"}})
