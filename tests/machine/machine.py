"""The machine: Hypothesis plays readers, banks, staff, Stripe's deliveries and dying workers against the application.

After each step the invariants hold. At the end all is delivered, in an order that Hypothesis chose and doubled, and the
state is that of a fresh database which hears the same events in order and once.
"""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from tests.machine import deaths
from tests.machine.beginnings import AFTER_RETRIES, FIRST, TELLINGS
from tests.machine.life import CARDS, Life
from tests.machine.orders import difference, in_order
from tests.machine.pages import Pages
from tests.machine.stage import RENEWALS, Stage

WHO = st.integers(0, 1)
WHICH = st.integers(0, 3)
PLANS = st.sampled_from(["reader-monthly", "reader-yearly", "supporter-monthly"])
CARD = st.sampled_from([CARDS[0], CARDS[0], *CARDS])
RETURNS = st.sampled_from(["webhook first", "redirect first", "never"])
LISTED = 25 * 86400  # seconds
EACH = 0.25  # of the histories: the run in order applies each event before the next is told
LUCK = st.integers(0, 2**16)
TOLD = {"deliver once", "deliver twice", "drop", "no crash", *(f"crash {moment}" for moment in deaths.MOMENTS)}


class Histories(RuleBasedStateMachine):
    """One history. ``stage`` is given by the test that runs it; ``told`` counts what was really done."""

    stage: Stage
    told: Counter[str]

    def __init__(self) -> None:
        super().__init__()
        self.stage.begin()
        self.life, self.pages = Life(self.stage), Pages(self.stage)
        self.events: list[dict[str, Any]] = []
        self.waiting: list[dict[str, Any]] = []
        self.missed = False
        self.luck = random.Random(0)
        self.broken = False
        self._did: list[str] = []

    # --- what happens --------------------------------------------------------------------------------------------------

    @initialize(who=WHO, plan=PLANS, card=CARD, comes=RETURNS, luck=LUCK, late=st.booleans())
    def begin(self, who: int, plan: str, card: str, comes: str, luck: int, late: bool) -> None:
        """A reader, and what befell her already: of so few steps too few would come to a renewal or an undone notice.

        What it is follows from all that was drawn: Hypothesis likes to draw some of a list again and again, and others never.
        """
        self.luck = random.Random(luck)
        if late:  # the fee of half of the charges is known only after charge.succeeded
            self.stage.sandbox.faults(late_balance_transaction=0.5, seed=luck)
        drawn = random.Random(f"{who} {plan} {card} {comes} {luck} {late}")
        first, told = drawn.choice(list(FIRST)), drawn.choice(TELLINGS)
        # What Stripe does when its retries have failed is the account's setting; a reset forgets it.
        self.stage.sandbox.settings(after_retries=drawn.choice(AFTER_RETRIES))
        self._subscribe(who, plan, card, comes)
        self._done("subscribe")
        if first.startswith("page: ") and self.waiting and not self.pages.known():
            self._deliver(self.waiting)  # the page has nothing to show of what was not heard
        for act in FIRST[first]:
            act(self)
        if self.waiting and told != "later":
            self._first_telling(told, luck)

    @rule(who=WHO, plan=PLANS, card=CARD, comes=RETURNS)
    def subscribe(self, who: int, plan: str, card: str, comes: str) -> None:
        self._subscribe(who, plan, card, comes)
        self._done("subscribe")

    def _subscribe(self, who: int, plan: str, card: str, comes: str) -> None:
        session_id = self.life.subscribe(who, plan, card)
        if session_id and comes == "redirect first":
            self.life.come_back(who, session_id)
        if session_id and comes == "webhook first":
            self._hear()
            self._deliver(self.waiting)
            self.life.come_back(who, session_id)

    @rule(who=st.sampled_from([0, 1, None]), amount=st.integers(5, 50), monthly=st.booleans(), cover=st.booleans(), card=CARD)
    def contribute(self, who: int | None, amount: int, monthly: bool, cover: bool, card: str) -> None:
        self.life.contribute(who, amount, monthly=monthly, cover=cover, card=card)
        self._done("contribute")

    @rule(days=st.sampled_from([31, 1, 15, 31, 62]))
    def pass_time(self, days: int) -> None:
        """The worker is not idle for days: what was told is applied, and what was missed is found."""
        self._reconcile()
        self.stage.pass_time(timedelta(days=days))
        self._done("pass time")

    @rule(which=WHICH, what=st.sampled_from(["boolean", "page", "cancel_at", "offer", "portal", "staff later", "now", "staff now"]))
    def cancel(self, which: int, what: str) -> None:
        {
            "boolean": lambda: self.life.cancel_at_period_end(which),
            "cancel_at": lambda: self.life.cancel_at(which, 20),
            "portal": lambda: self.life.portal_cancel(which),
            "now": lambda: self.life.cancel_now(which),
            "page": lambda: self.pages.leave(which),
            "offer": lambda: self.pages.take_offer(which, self.luck),
            "staff later": lambda: self.pages.end(which, now=False),
            "staff now": lambda: self.pages.end(which, now=True),
        }[what]()
        self._done(f"cancel {what}")

    @precondition(lambda self: self.life.on_notice())
    @rule(which=WHICH, how=st.sampled_from(["unset", "page", "portal"]))
    def stay(self, which: int, how: str) -> None:
        {"unset": self.life.unset, "page": self.pages.undo, "portal": self.life.undo}[how](which)
        self._done(f"stay {how}")

    @rule(which=WHICH, other=WHICH, what=st.sampled_from(["swap", "page", "quantity", "seats", "withdraw"]))
    def change(self, which: int, other: int, what: str) -> None:
        {
            "swap": lambda: self.life.swap(which, other),
            "quantity": lambda: self.life.quantity(which, 1 + other % 3),
            "page": lambda: self.pages.switch(which, self.luck),
            "seats": lambda: self.pages.seats(which, 2 + other % 3),
            "withdraw": lambda: self.pages.withdraw(which),
        }[what]()
        self._done(f"change {what}")

    @rule(which=WHICH, how=st.sampled_from(["void", "page", "keep_as_draft", "mark_uncollectible", "stripe", "staff"]))
    def pause(self, which: int, how: str) -> None:
        if how == "page":
            self.pages.pause(which, 1 + which % 3)
        elif how in ("stripe", "staff"):
            (self.life.pause if how == "stripe" else self.pages.halt)(which)
        else:
            self.life.pause_collection(which, how)
        self._done(f"pause {how}")

    @precondition(lambda self: self.life.not_collected() or self.life.subscriptions("paused"))
    @rule(which=WHICH, page=st.booleans())
    def resume(self, which: int, page: bool) -> None:
        if page:
            self.pages.resume(which)
        else:
            self.life.resume(which)
            self.life.collect_again(which)
        self._done("resume page" if page else "resume")

    @rule(which=WHICH, good=st.booleans())
    def card(self, which: int, good: bool) -> None:
        if good:
            self.life.new_card(which)
        else:
            self.life.lose_card(which)
        self._done("new card" if good else "lost card")

    @precondition(lambda self: self.life.charges())
    @rule(which=WHICH, part=st.booleans(), staff=st.booleans())
    def refund(self, which: int, part: bool, staff: bool) -> None:
        (self.pages if staff else self.life).refund(which, part=part)
        self._done(f"refund {'staff ' if staff else ''}{'part' if part else 'full'}")

    @precondition(lambda self: self.life.refunds())
    @rule(which=WHICH)
    def refund_fails(self, which: int) -> None:
        self.life.fail_refund(which)
        self._done("refund fails")

    @precondition(lambda self: self.life.disputable())
    @rule(which=WHICH, what=st.sampled_from(["fraudulent", "inquiry"]))
    def dispute(self, which: int, what: str) -> None:
        self.life.dispute(which, what)
        self._done(f"dispute {what}")

    @precondition(lambda self: self.life.disputes())
    @rule(which=WHICH, won=st.booleans())
    def dispute_ends(self, which: int, won: bool) -> None:
        self.life.close_dispute(which, won)
        self._done("dispute won" if won else "dispute lost")

    @rule(which=WHICH, what=st.sampled_from(["trial", "second subscription", "delete customer"]))
    def at_the_dashboard(self, which: int, what: str) -> None:
        {
            "trial": self.life.start_trial,
            "second subscription": self.life.second_subscription,
            "delete customer": self.life.delete_customer,
        }[what](which)
        self._done(what)

    # --- how it is told ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.waiting)
    @rule(share=st.sampled_from([0.3, 0.6, 1.0]), luck=LUCK, twice=st.booleans())
    def deliver(self, share: float, luck: int, twice: bool) -> None:
        self._tell_some(share, luck, twice)

    def _tell_some(self, share: float, luck: int, twice: bool) -> None:
        """Some of what waits, in any order, perhaps twice; the rest is late."""
        chosen = random.Random(luck).sample(self.waiting, max(1, int(len(self.waiting) * share)))
        self.told["deliver in another order"] += chosen != [one for one in self.waiting if one in chosen]
        self._deliver(chosen * 2 if twice else chosen)
        self._done("deliver twice" if twice else "deliver once")

    def _first_telling(self, told: str, luck: int) -> None:
        if told in deaths.MOMENTS:
            self._die(told, luck, 1.0)
        else:
            self._tell_some(1.0, luck, told == "twice")

    @precondition(lambda self: self.waiting)
    @rule(luck=LUCK)
    def drop(self, luck: int) -> None:
        """Some never come; the reconciliation finds them."""
        since = self.stage.clock_reads() - LISTED
        recent = [one for one in self.waiting if one["created"] >= since]  # Stripe lists no older ones
        gone = random.Random(luck).sample(recent, (len(recent) + 1) // 2)
        self.waiting = [one for one in self.waiting if one not in gone]
        self.missed = self.missed or bool(gone)
        self._done("drop")

    @precondition(lambda self: self.waiting)
    @rule(moment=st.sampled_from(deaths.MOMENTS), luck=LUCK)
    def crash(self, moment: str, luck: int) -> None:
        self._die(moment, luck, 0.5)

    def _die(self, moment: str, luck: int, share: float) -> None:
        """A worker dies over some of them; a minute later another takes up its work."""
        chosen = random.Random(luck).sample(self.waiting, max(1, int(len(self.waiting) * share)))
        self._tell(chosen)
        died = self.stage.drain_until_death(moment)
        self.stage.clock.shift(61)
        self._done(f"crash {moment}" if died else "no crash")

    # --- after each step, and at the end ---------------------------------------------------------------------------------

    def _done(self, what: str) -> None:
        """Count it if it did something: an act that Stripe refused, or that found nothing to act on, made no event."""
        self._hear()
        happened = self.stage.happened()
        self.told[what if happened or what in TOLD else "in vain"] += 1
        self.told.update(name for name in happened if name in RENEWALS.values())
        self._did.append(what)
        self.stage.clock.shift(1)
        self._hold()

    def _hold(self) -> None:
        self.broken = True  # no long comparison for a history that has failed already
        violations = self.stage.violations()
        assert not violations, "\n".join([*violations, f"after {self._did}"])
        assert not self.stage.sandbox.complaints, self.stage.sandbox.complaints
        self.broken = False

    def _hear(self) -> None:
        fresh = self.stage.news()
        self.events += fresh
        self.waiting += fresh

    def _tell(self, chosen: list[dict[str, Any]]) -> None:
        for event in chosen:
            self.stage.tell(event)
        ids = {event["id"] for event in chosen}
        self.waiting = [one for one in self.waiting if one["id"] not in ids]

    def _deliver(self, chosen: list[dict[str, Any]]) -> None:
        self._tell(chosen)
        self.stage.drain()

    def _reconcile(self) -> None:
        self.stage.drain()
        if self.missed:
            self.stage.run("payments.reconcile")
            self.stage.drain()
            self.missed = False

    def teardown(self) -> None:
        try:
            if not self.broken:
                self._end()
        finally:
            self.stage.end()

    def _end(self) -> None:
        """All of it, doubled and shuffled; then the comparison."""
        self.stage.pass_time(timedelta(seconds=3))  # what Stripe tells a moment later
        self._hear()
        rest = self.waiting * 2
        self.luck.shuffle(rest)
        self._deliver(rest)
        self._reconcile()
        self.stage.settle()
        self._hear()
        for _ in range(5):  # what our own jobs ask of Stripe is told too, and may lead to more
            if not self.waiting:
                break
            self._deliver(self.waiting)
            self._hear()
        self._hold()
        ours = self.stage.facts()
        each = self.luck.random() < EACH
        wanted = in_order(self.stage, self.events, each=each)
        self.told["in order, one by one"] += each
        self.told["overdue for several periods"] += self.life.overdue_for_several()
        assert ours == wanted, f"after {self._did}:\n{difference(ours, wanted)}"
        self.told["histories"] += 1
        self.told["steps"] += len(self._did)
        self.told["events"] += len(self.events)
