"""What must be true after recovery: the database, asked in plain SQL, against Stripe's stand-in. None of our own code decides."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sandbox import Sandbox

GRACE = timedelta(days=7)
OPENING = ("trialing", "active", "past_due")


class Books:
    """A read-only look at the application's database from outside."""

    def __init__(self, url: str) -> None:
        self.sqlite = url.startswith("sqlite")
        self.engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))
        self.jobs = "workflow_status" if self.sqlite else "dbos.workflow_status"

    def rows(self, sql: str, **values: Any) -> list[Any]:
        with self.engine.connect() as connection:
            return list(connection.execute(sa.text(sql), values))

    def one(self, sql: str) -> Any:
        return self.rows(sql)[0][0]

    def waiting(self) -> int:
        """Events not applied yet."""
        return self.one("select count(*) from stripe_event where state = 'new'")

    def jobs_left(self) -> list[Any]:
        """Jobs that are not finished, the endless ones of the schedule left out."""
        unfinished = "status in ('ENQUEUED', 'PENDING', 'DELAYED')"
        return self.rows(f"select workflow_uuid, status from {self.jobs} where name = 'wellspring.run' and {unfinished}")

    def close(self) -> None:
        self.engine.dispose()


def at(value: Any) -> datetime | None:
    """An instant as either database gives it."""
    if value is None:
        return None
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def findings(books: Books, stand_in: Sandbox, acknowledged: dict[str, str]) -> list[str]:
    """Everything that is wrong, one line each; none is what we want."""
    return [
        *journal(books, acknowledged),
        *jobs(books),
        *ledger(books, stand_in),
        *receipts(books),
        *memberships(books, stand_in),
        *pages(books, stand_in),
        *integrity(books),
    ]


def journal(books: Books, acknowledged: dict[str, str]) -> Iterator[str]:
    """Every acknowledged event is there, once, and was applied."""
    states = {row.event_id: row.state for row in books.rows("select event_id, state from stripe_event")}
    for event_id, kind in acknowledged.items():
        if event_id not in states:
            yield f"lost: {kind} {event_id} was acknowledged and is not in the journal"
    for row in books.rows("select event_id, type, state, last_error from stripe_event where state not in ('done', 'ignored')"):
        yield f"stuck: {row.type} {row.event_id} is {row.state}: {row.last_error}"


def jobs(books: Books) -> Iterator[str]:
    """Nothing is left to do, and nothing was given up."""
    for row in books.jobs_left():
        yield f"job left: {row.workflow_uuid} is {row.status}"
    given_up = f"select workflow_uuid, status from {books.jobs} where name = 'wellspring.run' and status not in ('SUCCESS', 'CANCELLED')"
    for row in books.rows(given_up):
        yield f"job given up: {row.workflow_uuid} is {row.status}"
    for row in books.rows("select key, state, last_error from outbox_mail where state <> 'sent'"):
        yield f"mail {row.key} is {row.state}: {row.last_error}"


def money(stand_in: Sandbox) -> Counter[tuple[str, str, int]]:
    """(kind, id, amount) of every movement that Stripe knows."""
    store, found = stand_in.world.store, Counter[tuple[str, str, int]]()
    for charge in store.all("charge"):
        if charge["status"] == "succeeded" and charge["amount_captured"]:
            found["payment", charge["id"], charge["amount_captured"]] += 1
            fee = store.find(charge["balance_transaction"])
            found["fee", fee["id"], -fee["fee"]] += 1
    for refund in store.all("refund"):
        found["refund", refund["id"], -refund["amount"]] += 1
    return found


def ledger(books: Books, stand_in: Sandbox) -> Iterator[str]:
    """Exactly the facts that Stripe has, each once, and so the sums too."""
    booked = Counter((row.kind, row.source_id, row.amount) for row in books.rows("select kind, source_id, amount from ledger_entry"))
    facts = money(stand_in)
    for fact in facts - booked:
        yield f"not booked: {fact}"
    for fact in booked - facts:
        yield f"booked, but no such fact: {fact}"
    if not (facts - booked or booked - facts):
        sums = sum(fact[2] * times for fact, times in facts.items()), books.one("select coalesce(sum(amount), 0) from ledger_entry")
        if sums[0] != sums[1]:
            yield f"sums differ: {sums}"


def receipts(books: Books) -> Iterator[str]:
    """A receipt and its mail for every payment whose purpose we know; a word about every refund of such a payment."""
    due = {row.source_id for row in books.rows("select source_id from ledger_entry where kind = 'payment' and purpose <> 'unknown'")}
    told = Counter(row.key.split(":")[1] for row in books.rows("select key from outbox_mail where key like 'receipt:%'"))
    for source_id in due ^ set(told):
        yield f"receipt mail {'missing' if source_id in due else 'too many'}: {source_id}"
    numbered = books.rows(
        "select e.source_id from ledger_entry e left join receipt r on r.ledger_entry_id = e.id"
        " where e.kind = 'payment' and e.purpose <> 'unknown' and r.id is null"
    )
    for row in numbered:
        yield f"no receipt: {row.source_id}"
    numbers = [int(row.number.split("-")[1]) for row in books.rows("select number from receipt order by id")]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"receipt numbers have gaps or repeat: {len(numbers)} receipts, up to {max(numbers, default=0)}"
    back = books.rows(
        "select r.source_id from ledger_entry r join ledger_entry p on p.charge_id = r.charge_id and p.kind = 'payment'"
        " where r.kind = 'refund' and p.purpose <> 'unknown' and not exists"
        " (select 1 from outbox_mail m where m.key = 'refund:' || r.source_id)"
    )
    for row in back:
        yield f"nobody was told of refund {row.source_id}"


def memberships(books: Books, stand_in: Sandbox) -> Iterator[str]:
    """Each mirror is Stripe's Subscription, each gate is open as long as the Subscriptions say, each history is one line."""
    store, now = stand_in.world.store, datetime.now(UTC)
    mirror = {row.id: row for row in books.rows("select id, status, ends_at, period_end, amount from stripe_subscription")}
    until: dict[str, datetime] = {}
    for found in store.all("subscription"):
        wanted = expected(found)
        row = mirror.get(found["id"])
        seen = row and (row.status, at(row.period_end), at(row.ends_at), row.amount)
        if seen != wanted:
            yield f"mirror of {found['id']} is {seen}, Stripe has {wanted}"
        end = reach(found, store)
        if end and end > now:
            until[found["customer"]] = max(end, until.get(found["customer"], end))
    gates = books.rows("select c.id, m.access_until from stripe_customer c left join membership m on m.account_id = c.account_id")
    for row in gates:
        end = at(row.access_until)
        if (end if end and end > now else None) != until.get(row.id):
            yield f"gate of {row.id} is open until {end}, Stripe says {until.get(row.id)}"
    overlap = (
        "select a.source_id from membership_interval a join membership_interval b on a.source_id = b.source_id and a.id <> b.id"
        " where a.superseded_at is null and b.superseded_at is null and a.effective_at <= b.effective_at"
        " and (a.until is null or a.until > b.effective_at)"
    )
    for row in books.rows(overlap):
        yield f"history of {row.source_id} overlaps itself"


def expected(found: dict[str, Any]) -> tuple[str, datetime | None, datetime | None, int]:
    """Status, end of the period, scheduled end, amount: read off Stripe's object."""
    end = max(item["current_period_end"] for item in found["items"]["data"])
    ends = found["cancel_at"] or (end if found["cancel_at_period_end"] else None)
    amount = sum(item["price"]["unit_amount"] * item.get("quantity", 1) for item in found["items"]["data"])
    return found["status"], datetime.fromtimestamp(end, UTC), ends and datetime.fromtimestamp(ends, UTC), amount


def reach(found: dict[str, Any], store: Any) -> datetime | None:
    """Until when this Subscription opens the gate."""
    if found["status"] not in OPENING:
        return None
    starts = min(item["current_period_start"] for item in found["items"]["data"])
    ends = max(item["current_period_end"] for item in found["items"]["data"])
    invoice = store.find(found["latest_invoice"]) or {}
    if given_back(found, starts, store):
        return None
    unpaid = found["status"] == "past_due" or invoice.get("status") in ("void", "uncollectible")
    paid = datetime.fromtimestamp(starts if unpaid else ends, UTC) + GRACE
    stops = expected(found)[2]
    return min(paid, stops) if stops else paid


def given_back(found: dict[str, Any], starts: int, store: Any) -> bool:
    """Was all of the running period's money refunded? Then the gate is shut (docs/decisions/0019)."""
    bills = {
        i["id"] for i in store.all("invoice") if ((i["parent"] or {}).get("subscription_details") or {}).get("subscription") == found["id"]
    }
    intents = {p["payment"].get("payment_intent") for p in store.all("invoice_payment") if p["invoice"] in bills}
    charges = [
        c for c in store.all("charge") if c["payment_intent"] in intents and c["status"] == "succeeded" and c["created"] >= starts - 3600
    ]
    return bool(charges) and all(c["amount_refunded"] >= c["amount"] for c in charges)


def pages(books: Books, stand_in: Sandbox) -> Iterator[str]:
    """Who paid through the pages paid once: one Customer an account, one Subscription a subscriber, one gift a guest."""
    store = stand_in.world.store
    paid = [s for s in store.all("checkout.session") if s["status"] == "complete"]
    given = {row.payment_intent_id: row.status for row in books.rows("select payment_intent_id, status from contribution")}
    for session in paid:
        if session["mode"] == "payment" and given.get(session["payment_intent"]) not in ("paid", "refunded"):
            yield f"contribution of {session['id']} is {given.get(session['payment_intent'])}"
    for email, times in Counter(session["customer_details"]["email"] for session in paid).items():
        if times != 1:
            yield f"{email} paid {times} times"
    accounts = Counter(c["metadata"]["account"] for c in store.all("customer") if c["metadata"].get("account"))
    for account, times in accounts.items():
        if times != 1:
            yield f"account {account} has {times} Customers"
    intents = {row.session_id: row.state for row in books.rows("select session_id, state from checkout_intent")}
    for session in paid:
        if intents.get(session["id"]) != "complete":
            yield f"the wish of {session['id']} is {intents.get(session['id'])}"


def integrity(books: Books) -> Iterator[str]:
    if books.sqlite:
        said = books.one("pragma integrity_check")
        if said != "ok":
            yield f"integrity_check: {said}"
        broken = books.rows("pragma foreign_key_check")
        if broken:
            yield f"foreign keys: {broken[:3]}"
