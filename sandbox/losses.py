"""Money that goes back and messages that get lost, one line each: the other half of acts.py."""

from sandbox.acts import Acts
from sandbox.billing import disputes, doubts, refunds
from sandbox.delivery import Signed, sign


class Losses(Acts):
    """Mixed into Sandbox."""

    # --- money back ------------------------------------------------------------------------

    def refund(self, charge: str, amount: int | None = None, *, reason: str | None = None) -> dict:
        """In part, or all that is left."""
        with self._acting() as world:
            return refunds.refund(world, world.need("charge", charge), amount, reason=reason)

    def refund_fails(self, refund: str) -> dict:
        """The bank sends a refund back."""
        with self._acting() as world:
            found = world.need("refund", refund)
            refunds.fail(world, found)
            return found

    def dispute(self, charge: str, why: str = "fraudulent") -> dict:
        """Opened, the money withdrawn; `why="inquiry"` withdraws nothing yet."""
        with self._acting() as world:
            return disputes.open_(world, world.need("charge", charge), why)

    def inquiry(self, charge: str) -> dict:
        return self.dispute(charge, "inquiry")

    def escalate(self, dispute: str) -> dict:
        """An inquiry becomes a dispute: the money is withdrawn."""
        with self._acting() as world:
            return disputes.escalate(world, world.need("dispute", dispute))

    def dispute_won(self, dispute: str) -> dict:
        """Closed, and the money reinstated."""
        return self._close(dispute, "won")

    def dispute_lost(self, dispute: str) -> dict:
        return self._close(dispute, "lost")

    def dispute_withdrawn(self, dispute: str) -> dict:
        """The person took it back: an inquiry closes, a dispute is won."""
        open_inquiry = self.world.need("dispute", dispute)["status"].startswith("warning")
        return self._close(dispute, "warning_closed" if open_inquiry else "won")

    def _close(self, dispute: str, status: str) -> dict:
        with self._acting() as world:
            return disputes.close(world, world.need("dispute", dispute), status)

    def warn_of_fraud(self, charge: str) -> dict:
        """The network's early fraud warning."""
        with self._acting() as world:
            return doubts.warn(world, world.need("charge", charge))

    def open_review(self, charge: str) -> dict:
        with self._acting() as world:
            return doubts.open_review(world, world.need("charge", charge))

    def close_review(self, review: str, why: str = "approved") -> dict:
        """`approved`, `refunded` or `refunded_as_fraud`."""
        with self._acting() as world:
            return doubts.close_review(world, world.need("review", review), why)

    # --- looking ------------------------------------------------------------------------------

    def charges(self, customer: str) -> list[dict]:
        """Her charges that went through, oldest first."""
        return [c for c in self.world.store.where("charge", "customer", customer) if c["paid"]]

    # --- deliveries -------------------------------------------------------------------------

    def peek_deliveries(self) -> list[Signed]:
        """What waits, signed now; it stays."""
        delivery = self.world.delivery
        with self.world.lock:
            return [delivery._signed(d) for d in self.world.store.all("_delivery") if d["url"] is None]

    def drop_deliveries(self) -> int:
        """What waits is lost, as in an outage: the events stay in the feed with pending_webhooks above 0. How many."""
        with self.world.lock:
            lost = [d for d in self.world.store.all("_delivery") if d["url"] is None]
            for one in lost:
                self.world.store.drop(one)
            return len(lost)

    def refused(self, taken: Signed) -> None:
        """What was taken was not acknowledged: it waits again, and its event's pending_webhooks is as before."""
        with self.world.lock:
            event = self.world.the("event", taken.id)
            event["pending_webhooks"] += 1
            self.world.delivery._enqueue(event, None, self.world.delivery.secret or "")

    def again(self, event: str) -> Signed:
        """One event once more, signed now: a late duplicate. Nothing is counted."""
        with self.world.lock:
            return sign(self.world.need("event", event), self.world.delivery.secret or "")
