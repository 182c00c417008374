"""The same events in another database, in order and once: what the first one must be equal to."""

from typing import Any

import sqlalchemy as sa

from kit.database import db
from payments.models import CheckoutIntent, Contribution, Customer
from tests.machine.stage import Stage

# What a wish and a promise are before anything is heard of them. All else in these rows is ours alone.
_UNHEARD: dict[str, dict[str, Any]] = {
    "checkout_intent": {"state": "open", "finished_at": None},
    "contribution": {
        "status": "pending", "refunded": 0, "customer_id": None, "payment_intent_id": None, "subscription_id": None, "paid_at": None,
    },
}  # fmt: skip


def in_order(stage: Stage, events: list[dict[str, Any]], *, each: bool = False) -> list[str]:
    """The facts of a fresh database that hears every event once, in the order in which they happened.

    ``each``: what one event asks for is done before the next is told, as where no two are near each other; else all are told
    before anything is done. Stripe is as it is at the end, either way. It is given the rows that are ours alone: accounts (they are in the template), wishes, promises, and whose a Customer
    was that Stripe has forgotten.
    """
    kept = _ours_alone(stage)
    stage.empty()
    _put(stage, kept)
    for event in events:
        stage.tell(event)
        if each:
            stage.drain()
    stage.settle()
    return stage.facts()


def _ours_alone(stage: Stage) -> list[tuple[sa.Table, list[dict[str, Any]]]]:
    found = []
    for model in (CheckoutIntent, Contribution):
        table: Any = model.__table__
        rows = [dict(row._mapping) | _UNHEARD[table.name] for row in stage.rows(sa.select(table))]
        found.append((table, rows))
    customers: Any = Customer.__table__
    gone = sa.select(customers).where(customers.c.deleted.is_(True))
    found.append((customers, [dict(row._mapping) | {"deleted": False} for row in stage.rows(gone)]))
    return [(table, rows) for table, rows in found if rows]


def _put(stage: Stage, kept: list[tuple[sa.Table, list[dict[str, Any]]]]) -> None:
    with stage.app.app_context():
        for table, rows in kept:
            db.session.execute(table.insert(), rows)
        if not stage.sqlite:
            for table, _rows in kept:
                if "id" in table.columns and isinstance(_rows[0]["id"], int):
                    last = max(row["id"] for row in _rows)
                    db.session.execute(sa.text(f"select setval(pg_get_serial_sequence('{table.name}', 'id'), {last})"))
        db.session.commit()
        db.session.remove()


def difference(ours: list[str], wanted: list[str]) -> str:
    """What differs, a line each; "" when nothing does."""
    lines = [f"only out of order: {line}" for line in ours if line not in wanted]
    lines += [f"only in order:     {line}" for line in wanted if line not in ours]
    return "\n".join(lines)
