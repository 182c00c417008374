"""What tests of outgoing calls look at, and a guest who contributes."""

from typing import Any

from sqlalchemy import select

from kit.database import db
from payments.models import Contribution, OutgoingCall

GUEST = {"suggested": "", "amount": "25.00", "email": "gus@guest.example"}


def forget() -> None:
    db.session.rollback()
    db.session.execute(OutgoingCall.__table__.delete())
    db.session.commit()


def rows() -> list[tuple[str, str]]:
    db.session.rollback()
    return [(one.kind, one.state) for one in db.session.scalars(select(OutgoingCall).order_by(OutgoingCall.id))]


def made(sandbox: Any, kind: str) -> list[dict[str, Any]]:
    return list(sandbox.world.store.all(kind))


def keys_forgotten(sandbox: Any) -> None:
    """Stripe prunes keys after 24 hours."""
    for one in list(sandbox.world.store.all("_idempotency")):
        sandbox.world.store.put({**one, "at": 0})


def contribute(browser: Any, **typed: str) -> Any:
    browser.get("/contribute")
    return browser.submit("/contribute/checkout", **{**GUEST, "frequency": "once", **typed})


def pay(sandbox: Any, answer: Any) -> None:
    sandbox.pay(answer.headers["Location"].rpartition("/")[2])


def given(visit: Any, sandbox: Any, deliver: Any, **typed: str) -> Contribution:
    pay(sandbox, contribute(visit(), **typed))
    deliver()
    forget()
    return db.session.scalars(select(Contribution)).one()
