"""Who is right when the machine's clock jumped by more than a day: Stripe is asked, whose every answer bears the time.

Without an answer the time goes on as it was counted, and somebody is told; ``flask clock believe`` takes the clock's word.
"""

from datetime import timedelta

import structlog

from kit import clock, timekeeping
from payments import alarms, gateway

SKEW = timedelta(minutes=1)  # from here on somebody is told; Stripe's events are refused at five

log = structlog.get_logger("payments.timekeeping")


def keep() -> None:
    """Each minute: the time that is believed, for processes that start. While the clock is in doubt: who is right? The caller commits."""
    off = clock.doubt()
    if off is None or timekeeping.decided():
        timekeeping.note()
    elif (stripes := gateway.ask_time()) is None:
        timekeeping.asked()
        alarms.clock_jumped(off, None)
    else:
        believe_stripe(off, stripes)


def believe_stripe(off: timedelta, stripes: timedelta) -> None:
    """``off``: by how much our clock is ahead of what was counted; ``stripes``: of what Stripe's says. The caller commits."""
    right = clock.told() - stripes
    if abs(stripes) <= clock.BRAKE:
        log.warning("the machine's clock was set, and Stripe's says the same", by_seconds=round(off.total_seconds()))
        timekeeping.note(clock.told())
        return
    # Whether it is the count or (after a start with a clock that was wrong already) neither: Stripe's time it is.
    timekeeping.note(right if abs(right - clock.now()) > SKEW else None)
    alarms.clock_jumped(off, stripes)


def tell_skew() -> None:
    """After Stripe was asked something: is our clock more than a minute off its? To ADMIN_EMAIL, once a day. The caller commits."""
    off = gateway.skew()
    if off is not None and abs(off) > SKEW and clock.doubt() is None:
        log.error("our clock and Stripe's differ", ahead_by_seconds=round(off.total_seconds()))
        alarms.clock_off(off.total_seconds())
