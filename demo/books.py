"""The cash side of the simulation: every charge with its fee, every refund, numbered like Stripe's facts.

All ids carry `_demo_`, so that reconciliation can tell them from what Stripe knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from demo.records import Entry
from payments.domain.fees import Tariff

# The processor's usual tariff: 2.9 % and 30.
TARIFF = Tariff(rate=290, fixed=30)


@dataclass
class Books:
    """Entries in the order in which they were made; ``since`` is when the books begin: what was paid earlier is not in them."""

    currency: str
    since: datetime
    entries: list[Entry] = field(default_factory=list)
    charges: int = 0

    def charge(
        self,
        purpose: str,
        amount: int,
        at: datetime,
        customer_id: str,
        *,
        person: int | None,
        subscription_id: str | None = None,
        contribution: int | None = None,
    ) -> str | None:
        """Book a payment and its fee; returns the charge's id, or None for a time before the books."""
        if at < self.since:
            return None
        self.charges += 1
        charge_id = f"ch_demo_{self.charges:07d}"
        invoice_id = f"in_demo_{self.charges:07d}" if subscription_id else None
        shared = (self.currency, at, at + timedelta(seconds=4), charge_id, customer_id, subscription_id, invoice_id, person, contribution)
        self.entries.append(Entry(charge_id, "payment", purpose, amount, *shared))
        self.entries.append(Entry(f"txn_demo_{self.charges:07d}", "fee", purpose, -TARIFF.fee(amount), *shared))
        return charge_id

    def refund(self, charge_id: str, at: datetime) -> int:
        """Give all of a charge back; the fee stays with the processor. Returns how much that is."""
        paid = next(entry for entry in reversed(self.entries) if entry.source_id == charge_id)
        self.entries.append(
            Entry(
                charge_id.replace("ch_", "re_"),
                "refund",
                paid.purpose,
                -paid.amount,
                paid.currency,
                at,
                at + timedelta(seconds=3),
                charge_id,
                paid.customer_id,
                paid.subscription_id,
                paid.invoice_id,
                paid.person,
                paid.contribution,
            )
        )
        return paid.amount
