"""What readers and staff do on the application's own pages: each method is one visit. A page that refuses is no matter.

What is told late, doubled or never meets what the page has written already.
"""

import html
import random
import re

import sqlalchemy as sa

from payments.models import Customer, LedgerEntry, Subscription
from payments.subscriptions import OVER
from tests.machine.stage import STAFF, Stage

# Sent on, refused (409, 422), nothing there, too often, Stripe or a lease in the way: all are answers. A 500 is none.
ANSWERS = (200, 303, 404, 409, 422, 429, 503)
CAUSES = ("reader", "staff", "payment", "migration")
REASONS = ("", "unused", "too_expensive", "other")


class Pages:
    """Visits on one stage. ``which`` is taken modulo what the application knows of; where it knows nothing, nobody comes."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    # --- what the application knows --------------------------------------------------------------------------------------

    def known(self) -> list[tuple[str, int]]:
        """(Subscription, whose: a reader's number), of those that are not over."""
        found = self.stage.rows(
            sa.select(Subscription.id, Customer.account_id)
            .join(Customer, Customer.id == Subscription.customer_id)
            .where(Subscription.purpose == "subscription", Subscription.status.not_in(OVER), Customer.account_id.is_not(None))
            .order_by(Subscription.started_at, Subscription.id)
        )
        return [(row.id, self.stage.readers.index(row.account_id)) for row in found]

    def payments(self) -> list[str]:
        """Charges in the ledger."""
        found = self.stage.rows(sa.select(LedgerEntry.charge_id).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.charge_id))
        return [row.charge_id for row in found]

    def _whose(self, which: int) -> int | None:
        known = self.known()
        return known[which % len(known)][1] if known else None

    # --- coming and going ------------------------------------------------------------------------------------------------

    def _post(self, who: int, path: str, **typed: str) -> int:
        browser, csrf = self.stage.browser(who)
        answer = browser.post(path, data={**typed, "csrf_token": csrf})
        assert answer.status_code in ANSWERS, (path, answer.status_code, answer.get_data(as_text=True)[-2000:])
        return int(answer.status_code)

    def _page(self, who: int, path: str) -> str:
        browser, _csrf = self.stage.browser(who)
        answer = browser.get(path)
        assert answer.status_code in ANSWERS, (path, answer.status_code, answer.get_data(as_text=True)[-2000:])
        return html.unescape(answer.get_data(as_text=True))

    def _as_reader(self, which: int, path: str, **typed: str) -> None:
        if (who := self._whose(which)) is not None:
            self._post(who, path, **typed)

    # --- a reader's ------------------------------------------------------------------------------------------------------

    def leave(self, which: int) -> None:
        self._as_reader(which, "/account/cancel", reason=REASONS[which % len(REASONS)], comment="as it is" if which % 2 else "")

    def take_offer(self, which: int, luck: random.Random) -> None:
        """Instead of leaving she takes one of those that the page shows her, at the sum that it shows."""
        if (who := self._whose(which)) is not None:
            page = self._page(who, "/account/cancel")
            if shown := re.findall(r'name="take" value="(\w+)"', page):
                as_of = re.findall(r'name="as_of" value="(\d+)"', page)
                typed = {"reason": REASONS[which % len(REASONS)], "months": str(luck.randint(1, 3)), "as_of": as_of[0] if as_of else ""}
                self._post(who, "/account/cancel", take=luck.choice(shown), **typed)

    def undo(self, which: int) -> None:
        self._as_reader(which, "/account/cancel/undo")

    def switch(self, which: int, luck: random.Random) -> None:
        """To one of the plans that the page shows, at the sum that it shows."""
        if (who := self._whose(which)) is not None and (shown := self._plans(who, "")):
            plan, as_of = luck.choice(shown)
            self._post(who, "/account/plan", plan=plan, as_of=as_of)

    def withdraw(self, which: int) -> None:
        """She takes back a change that waits for the period's end; where none waits she makes one, if there is one, and then does."""
        if (who := self._whose(which)) is not None:
            waits = self.stage.rows(sa.select(Subscription.id).where(Subscription.schedule_id.is_not(None)).limit(1))
            if not waits and (shown := self._plans(who, "Change on")):
                self._post(who, "/account/plan", plan=shown[0][0], as_of=shown[0][1])
            self._post(who, "/account/plan/withdraw")

    def _plans(self, who: int, button: str) -> list[tuple[str, str]]:
        """(plan, as of when) of each that the page shows whose button begins so."""
        form = r'name="plan" value="([\w-]+)"><input type="hidden" name="as_of" value="(\d+)">\s*<button[^>]*>\s*' + button
        return re.findall(form, self._page(who, "/account/plan"))

    def pause(self, which: int, months: int) -> None:
        self._as_reader(which, "/account/pause", months=str(months))

    def resume(self, which: int) -> None:
        self._as_reader(which, "/account/pause/resume")

    def seats(self, which: int, number: int) -> None:
        self._as_reader(which, "/account/group/seats", seats=str(number))

    # --- staff's ---------------------------------------------------------------------------------------------------------

    def refund(self, which: int, part: bool) -> None:
        """Of a payment, at its page: what the form proposes, or half of it."""
        if payments := self.payments():
            path = f"/admin/payments/{payments[which % len(payments)]}"
            page = self._page(STAFF, path)
            form = re.search(r'name="attempt" value="(\w+)".*?name="amount"[^>]*value="([\d.]+)"', page, re.DOTALL)
            if form:
                amount = f"{max(0.01, float(form[2]) / 2):.2f}" if part else form[2]
                self._post(STAFF, f"{path}/refund", attempt=form[1], amount=amount, reason="requested_by_customer")

    def end(self, which: int, *, now: bool) -> None:
        if known := self.known():
            subscription_id = known[which % len(known)][0]
            typed = {"when": "now" if now else "period_end", "cause": CAUSES[which % len(CAUSES)], "note": "by hand"}
            self._post(STAFF, f"/admin/subscriptions/{subscription_id}/leave", **typed)

    def halt(self, which: int) -> None:
        """Staff stops it at once."""
        if known := self.known():
            self._post(STAFF, f"/admin/subscriptions/{known[which % len(known)][0]}/pause")
