"""Where each play ends, written by hand from what happened in it, and never copied from what came out: that all orders lead
to the same state would not show a state that is wrong in all of them.

A play begins on 22 November 2026 at noon in UTC; a month is paid to the 22nd and the grace is seven days. A month of Reader
is 5.00, of Supporter 12.00; a year of Reader is 50.00.
"""

import json
from collections.abc import Iterable
from typing import Any

# name -> her Subscriptions as membership takes them; who may read until when; what of the money is left, fees not counted;
# receipts; contributions; what is asked of Stripe next.
OUTCOMES = {
    "subscribes": "active; reads until 2026-12-29; 5.00; 1 receipt",
    "subscribes and cancels": "active; reads until 2026-12-22; 5.00; 1 receipt",  # no grace for who leaves
    "subscribes and ends at once": "canceled; nobody reads; 5.00; 1 receipt",
    # two months of which half of one went back; the portal's end is that of the period
    "cancels by a date, undoes it, cancels in the portal, is refunded": "active; reads until 2027-01-22; 7.50; 2 receipts",
    "renews": "active; reads until 2027-03-01; 15.00; 3 receipts",
    "renewal fails": "past_due; reads until 2026-12-29; 5.00; 1 receipt; asks retry_invoice",  # by the card that she has now
    "renewal fails and a new card pays": "active; reads until 2027-01-29; 10.00; 2 receipts",
    "refunded in part, then the rest": "unpaid; nobody reads; 5.00; 2 receipts",  # all of the running month went back
    "a refund comes back": "active; reads until 2027-01-29; 10.00; 2 receipts",
    "a dispute is won": "active; reads until 2027-01-29; 10.00; 2 receipts",
    "a dispute is lost": "paused; nobody reads; 5.00; 2 receipts; asks end_subscription",
    "an inquiry, and the month before is refunded": "active; reads until 2027-01-29; 5.00; 2 receipts",  # the running one is paid
    # 5, then 24 and the two changes of the first day (12 - 5, 24 - 12), then 24
    "changes plan, then how many, and renews": "active; reads until 2027-03-01; 72.00; 3 receipts",
    # the first to 22 December; the trial ended on the 6th and its month in January
    "a trial converts": "active, active; reads until 2027-01-13; 10.00; 2 receipts",
    # 20 and what covers its fee went back: 20.91 less 2.9 % and 0.30 is 20.00
    "contributes twice, and one is refunded": "none; nobody reads; 9.00; 2 receipts; 20.91 given, refunded; 9.00 given, paid",
    "contributes every month": "active; reads until 2026-12-29; 13.00; 2 receipts; 8.00 given, active",
    "ends a monthly contribution, and it is refunded": "none; nobody reads; 0.00; 1 receipt; 8.00 given, refunded",
    "two subscriptions, and the older one ends": "active, canceled; reads until 2027-11-29; 55.00; 2 receipts",
    "pauses twice and resumes": "active; reads until 2027-01-29; 10.00; 2 receipts",  # the pause lasted no time: nothing to pay for it
    "is deleted": "canceled; nobody reads; 10.00; 2 receipts",
}


def in_words(lines: Iterable[str]) -> str:
    """A state's lines (payments/state.py, and the walk's "asks" beneath) as OUTCOMES says it."""
    rows: dict[str, list[Any]] = {}
    for line in lines:
        name, _, rest = line.partition(" ")
        rows.setdefault(name, []).append(json.loads(rest) if rest.startswith("{") else rest.partition(" ")[0])
    moved = sum(row["amount"] for row in rows.get("ledger", []) if row["kind"] != "fee")
    reads = [f"reads until {row['until'][:10]}" for row in rows.get("gate", [])]
    receipts = len(rows.get("receipt", []))
    given = [f"{_money(row['amount'] + row['fee_cover'])} given, {row['status']}" for row in rows.get("contribution", [])]
    return "; ".join(
        [
            ", ".join(sorted(row["status"] for row in rows.get("source", []))) or "none",
            *(reads or ["nobody reads"]),
            _money(moved),
            f"{receipts} receipt{'s' * (receipts != 1)}",
            *sorted(given),
            *(f"asks {job.removeprefix('payments.')}" for job in rows.get("asks", [])),
        ]
    )


def _money(cents: int) -> str:
    return f"{cents / 100:.2f}"
