"""Twenty short histories by name. What happens after ``told`` (of that the last six) is delivered in every order, the rest before."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.machine.life import Life

MONTH = timedelta(days=32)
Play = Callable[[Life, Callable[[], None]], Any]
PLAYS: dict[str, Play] = {}


def play(name: str) -> Callable[[Play], Play]:
    def register(one: Play) -> Play:
        PLAYS[name] = one
        return one

    return register


def _member(life: Life, told: Callable[[], None], **how: Any) -> None:
    life.subscribe(0, **how)
    told()


def _paid_again(life: Life, told: Callable[[], None]) -> None:
    """A member of a month, of whose second payment nobody has told us: charge 1."""
    _member(life, told)
    life.stage.pass_time(MONTH)


@play("subscribes")
def _(life: Life, _told: Callable[[], None]) -> None:
    life.subscribe(0)


@play("subscribes and cancels")
def _(life: Life, _told: Callable[[], None]) -> None:
    life.subscribe(0)
    life.cancel_at_period_end(0)


@play("subscribes and ends at once")
def _(life: Life, _told: Callable[[], None]) -> None:
    life.subscribe(0)
    life.cancel_now(0)


@play("cancels by a date, undoes it, cancels in the portal, is refunded")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.cancel_at(0, 20)
    life.undo(0)
    life.portal_cancel(0)
    life.refund(1, part=True)


@play("renews")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.stage.pass_time(MONTH)


@play("renewal fails")
def _(life: Life, told: Callable[[], None]) -> None:
    _member(life, told)
    life.lose_card(0)
    life.stage.pass_time(MONTH)


@play("renewal fails and a new card pays")
def _(life: Life, told: Callable[[], None]) -> None:
    _member(life, told)
    life.lose_card(0)
    life.stage.pass_time(MONTH)
    told()
    life.new_card(0)


@play("refunded in part, then the rest")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.refund(1, part=True)
    life.refund(1)


@play("a refund comes back")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.refund(1)
    life.fail_refund(0)


@play("a dispute is won")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.dispute(1)
    life.close_dispute(0, won=True)


@play("a dispute is lost")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.dispute(1)
    life.close_dispute(0, won=False)


@play("an inquiry, and the month before is refunded")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.dispute(1, "inquiry")
    life.refund(0)


@play("changes plan, then how many, and renews")
def _(life: Life, told: Callable[[], None]) -> None:
    _member(life, told)
    life.swap(0, 2)
    life.quantity(0, 2)
    life.stage.pass_time(MONTH)
    life.stage.pass_time(MONTH)


@play("a trial converts")
def _(life: Life, told: Callable[[], None]) -> None:
    _member(life, told)
    life.start_trial(0)
    life.stage.pass_time(timedelta(days=16))


@play("contributes twice, and one is refunded")
def _(life: Life, _told: Callable[[], None]) -> None:
    life.contribute(None, 20, cover=True)
    life.contribute(None, 9)
    life.refund(0)


@play("contributes every month")
def _(life: Life, told: Callable[[], None]) -> None:
    _member(life, told)
    life.contribute(0, 8, monthly=True)


@play("ends a monthly contribution, and it is refunded")
def _(life: Life, told: Callable[[], None]) -> None:
    life.contribute(0, 8, monthly=True)
    told()
    life.cancel_now(0)
    life.refund(0, part=True)
    life.refund(0)


@play("two subscriptions, and the older one ends")
def _(life: Life, told: Callable[[], None]) -> None:
    _member(life, told)
    life.second_subscription(1)
    life.cancel_now(0)


@play("pauses twice and resumes")
def _(life: Life, told: Callable[[], None]) -> None:
    _member(life, told)
    life.pause_collection(0, "void")
    life.collect_again(0)
    life.pause(0)
    life.resume(0)
    life.stage.pass_time(MONTH)


@play("is deleted")
def _(life: Life, told: Callable[[], None]) -> None:
    _paid_again(life, told)
    life.delete_customer(0)
