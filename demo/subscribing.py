"""One subscription lived through, period by period, until its end or until now.

Nothing may happen after ``now``: each step asks first whether its instant has come, and leaves the track as it is
at that point, which is how some readers are past due, ending, paused or on trial today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random

from demo.books import Books
from demo.climate import Climate
from demo.spans import add_months, period, whole_months
from demo.tracks import Track

GRACE = timedelta(days=7)
TRIAL = timedelta(days=14)
# After so many days of retries the processor gives the subscription up.
DUNNING_ENDS = timedelta(days=21)

REASONS = (
    "too_expensive",
    "unused",
    "other",
    "switched_service",
    "missing_features",
    "low_quality",
    "customer_service",
    "too_complex",
    None,
)
REASON_WEIGHTS = (30, 26, 10, 5, 5, 4, 3, 2, 15)


@dataclass
class Life:
    """What the steps share: the track, the dice of this person, the weather, the books, and since when she is loyal."""

    track: Track
    dice: Random
    climate: Climate
    books: Books
    joined_at: datetime
    flood: bool = False

    @property
    def now(self) -> datetime:
        return self.climate.now

    def chance(self, share: float) -> bool:
        return self.dice.random() < share

    def between(self, start: datetime, end: datetime) -> datetime:
        """An instant strictly inside a span, to the second."""
        return start + timedelta(seconds=self.dice.randint(60, max(61, int((end - start).total_seconds()) - 60)))

    def pay(self, at: datetime) -> str | None:
        track = self.track
        return self.books.charge("subscription", track.terms.amount, at, track.customer_id, person=track.person, subscription_id=track.id)


def live(life: Life, *, trial: bool = False) -> Track:
    """From the start to the end, or to now."""
    track = life.track
    anchor = _try_out(life) if trial else track.started_at
    if anchor is None:
        return track
    track.enter("active", anchor)
    paid = life.pay(anchor)
    number = 0
    while True:
        begin, end = period(anchor, track.terms.interval, number), period(anchor, track.terms.interval, number + 1)
        track.status, track.period_start, track.period_end = "active", begin, end
        if _leaves(life, begin, end, paid):
            return track
        if end > life.now:
            return track
        anchor, number, paid_again = _renew(life, anchor, number, end)
        if not paid_again:
            return track


def _try_out(life: Life) -> datetime | None:
    """A trial; the instant at which it became a paid subscription, or None."""
    track = life.track
    end = track.started_at + TRIAL
    track.status, track.trial_end, track.period_start, track.period_end = "trialing", end, track.started_at, end
    track.enter("trial", track.started_at)
    if life.chance(0.34):
        track.notice_at = life.between(track.started_at, end)
        if track.notice_at <= life.now:
            track.ends_at = end
            track.rows[-1].until, track.rows[-1].end_cause = end, "reader"
            track.rows[-1].notice_at, track.rows[-1].until_recorded_at = track.notice_at, track.notice_at
            if end <= life.now:
                track.end(end, "reader")
            return None
        track.notice_at = None
    return end if end <= life.now else None


def _leaves(life: Life, begin: datetime, end: datetime, paid: str | None) -> bool:
    """Does she leave, or give notice, in this period? True when there is no next one to live."""
    track = life.track
    tenure = whole_months(life.joined_at, begin)
    if begin < life.books.since and end < life.books.since:
        return False  # the opening base is those who stayed until the window opens
    begin = max(begin, track.rows[-1].effective_at)  # a card may have been mended days into the period
    if life.chance(0.0007) and _removed(life, begin, end, paid):
        return True
    if not life.chance(life.climate.leaving(begin, tenure, track.terms.interval, flood=life.flood)):
        return False
    at = _notice_instant(life, begin, end)
    if at > life.now or at < life.books.since:
        return False
    track.notice_at, track.ends_at, track.reason = at, end, life.dice.choices(REASONS, REASON_WEIGHTS)[0]
    track.enter("ending", at, until=end, cause="reader")
    if life.chance(0.06):
        back = life.between(at, end)
        if back <= life.now:
            track.notice_at = track.ends_at = track.reason = None
            track.enter("active", back)
            return False
    if end <= life.now:
        track.end(end, "reader")
    return True


def _notice_instant(life: Life, begin: datetime, end: datetime) -> datetime:
    """Yearly members leave when the reminder comes, two weeks before; or early, having decided on the day they paid."""
    if life.track.terms.interval == "year" and life.chance(0.7):
        return life.between(end - timedelta(days=15), end)
    return life.between(begin, end)


def _removed(life: Life, begin: datetime, end: datetime, paid: str | None) -> bool:
    """Staff ends it at once: a refund on request, or a death that a relative wrote about."""
    at = life.between(begin, min(end, begin + timedelta(days=20)))
    if at > life.now or at < life.books.since:
        return False
    if paid and life.chance(0.7):
        life.books.refund(paid, at)  # what she paid, which need not be what the next period would cost
        life.track.end(at, "staff")
    else:
        life.track.end(at, "death" if life.chance(0.5) else "staff")
    return True


def _renew(life: Life, anchor: datetime, number: int, at: datetime) -> tuple[datetime, int, bool]:
    """The next period's beginning: a pause, new terms, the charge. Gives anchor, number, and whether life goes on."""
    track, opening = life.track, at < life.books.since
    if not opening and life.chance(0.0035) and track.terms.interval == "month":
        at_again = _pause(life, at)
        return (at_again, 0, True) if at_again else (anchor, number, False)
    changed = _new_terms(life, at)
    if not opening and life.chance(life.climate.failing(at, track.terms.interval)):
        if not _declined(life, at):
            return anchor, number, False
    else:
        if changed:
            track.enter("active", at)
        life.pay(at)
    return (at, 0, True) if changed else (anchor, number + 1, True)


def _new_terms(life: Life, at: datetime) -> bool:
    """Price rises reach her at a renewal; so do the switches that she asked for."""
    track, dice = life.track, life.dice
    level, interval = track.terms.level, track.terms.interval
    drive = life.climate.drive(at.date())
    if at >= life.books.since:
        up, down = (0.0022, 0.004) if interval == "month" else (0.02, 0.05)
        if level == "reader" and dice.random() < up * (1 + drive):
            level = "supporter"
        elif level == "supporter" and dice.random() < down * (2 if at > life.climate.rise else 1):
            level = "reader"
        if interval == "month" and dice.random() < 0.005 * (1 + drive):
            interval = "year"
        elif interval == "year" and dice.random() < 0.05:
            interval = "month"
    return track.reprice(level=level, interval=interval, amount=life.climate.price(level, interval, at, since=track.started_at))


def _declined(life: Life, at: datetime) -> bool:
    """A declined card. True when the money came in the end and life goes on (in the grace or, after a gap, late)."""
    track, fate = life.track, life.dice.random()
    track.status, track.period_start, track.period_end = "past_due", at, period(at, track.terms.interval, 1)
    track.enter("past_due", at, until=at + GRACE, cause="payment")
    if fate < 0.6:
        mended = life.between(at + timedelta(hours=20), at + GRACE)
    elif fate < 0.68:
        mended = life.between(at + GRACE, at + DUNNING_ENDS)
    else:
        return _given_up(life, at, own_act=fate < 0.72)
    if mended > life.now:
        return False
    track.enter("active", mended)
    life.pay(mended)
    return True


def _given_up(life: Life, at: datetime, *, own_act: bool) -> bool:
    """Nobody mends the card: access ends with the grace. A few say themselves that they are leaving."""
    track = life.track
    if own_act:
        said = life.between(at, at + timedelta(days=5))
        if said <= life.now:
            track.notice_at, track.reason = said, life.dice.choices(REASONS, REASON_WEIGHTS)[0]
            track.rows[-1].notice_at = said
            track.end(said, "reader")
    elif at + DUNNING_ENDS <= life.now:
        track.end(at + DUNNING_ENDS, "payment")
    return False


def _pause(life: Life, at: datetime) -> datetime | None:
    """A pause of one or two months; the instant of the resumption, or None if it has none yet."""
    track = life.track
    again = add_months(at, life.dice.randint(1, 2))
    track.status = "paused"
    track.enter("paused", at)
    if life.chance(0.3):
        gone = life.between(at, again)
        if gone <= life.now:
            track.notice_at, track.reason = gone, "unused"
            track.end(gone, "reader")
            return None
    if again > life.now:
        return None
    track.enter("active", again)
    life.pay(again)
    return again
