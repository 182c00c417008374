"""The ledger's verbs on plain objects: once a fact, whatever the order; unexpected money is kept and counts for nothing."""

import itertools
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import exc, select, text, update

from kit import clock
from kit.database import db
from kit.mail import OutboxMail
from payments import contributions, ledger, promises
from payments.domain import contributions as rules
from payments.models import CheckoutIntent, Contribution, Customer, LedgerEntry, Receipt, Subscription

TYPED = {"amount": "25.00", "frequency": "once", "email": "gus@guest.example", "cover_fee": ""}


def promised(session_id: str = "cs_1", **typed: str) -> Contribution:
    """A contribution of 25.00 that went to Checkout."""
    accepted = rules.accept({**TYPED, **typed}, promises.terms())
    asked = promises.begin(accepted, account=None, attempt=session_id, attribution={})
    db.session.get_one(CheckoutIntent, asked.id).session_id = session_id
    db.session.commit()
    return contributions.of_intent(asked.id)


def charge_of(contribution: Contribution | None, charge_id: str = "ch_1", **values: Any) -> dict[str, Any]:
    metadata = {"purpose": "contribution", "contribution": contribution.public_id} if contribution else {}
    return {
        "id": charge_id,
        "status": "succeeded",
        "amount": 2500,
        "amount_captured": 2500,
        "amount_refunded": 0,
        "currency": "usd",
        "created": 1_800_000_000,
        "customer": None,
        "payment_intent": f"pi_{charge_id}",
        "metadata": metadata,
        "balance_transaction": fee_of(charge_id),
        "billing_details": {"email": "typed@checkout.example"},
        **values,
    }


def fee_of(charge_id: str, fee: int = 103) -> dict[str, Any]:
    return {"id": f"txn_{charge_id}", "amount": 2500, "fee": fee, "currency": "usd", "created": 1_800_000_000}


def refund(refund_id: str, amount: int, status: str = "succeeded") -> dict[str, Any]:
    return {"id": refund_id, "amount": amount, "currency": "usd", "created": 1_800_000_100, "status": status, "charge": "ch_1"}


def dispute(*moved: int) -> dict[str, Any]:
    def transaction(n: int, amount: int) -> dict[str, Any]:
        return {"id": f"txn_dp_{n}", "amount": amount, "fee": 1500 if amount < 0 else 0, "currency": "usd", "created": 1_800_000_200 + n}

    return {"id": "dp_1", "charge": "ch_1", "balance_transactions": [transaction(n, amount) for n, amount in enumerate(moved)]}


def session_of(contribution: Contribution, session_id: str = "cs_1", **values: Any) -> dict[str, Any]:
    return {
        "id": session_id,
        "client_reference_id": contribution.intent_id,
        "metadata": {"purpose": "contribution", "contribution": contribution.public_id},
        "amount_total": contribution.amount + contribution.fee_cover,
        "currency": contribution.currency,
        "status": "complete",
        "payment_status": "paid",
        "payment_intent": "pi_ch_1",
        "customer": None,
        "subscription": None,
        **values,
    }


def rows() -> list[tuple[str, str, int, str]]:
    db.session.commit()
    found = db.session.scalars(select(LedgerEntry))
    return sorted((row.kind, row.source_id, row.amount, row.purpose) for row in found)


PAID = [("fee", "txn_ch_1", -103, "contribution"), ("payment", "ch_1", 2500, "contribution")]


def test_every_order_and_repetition_of_the_tellings_ends_in_the_same_books(app):
    """Session, Charge without and with its fee, two Refunds of which one fails: 120 orders, each telling twice."""
    ends = set()
    for turn, order in enumerate(itertools.permutations(range(5))):
        made = promised(f"cs_{turn}")
        ch = f"ch_{turn}"
        back = [{**refund(f"re_a{turn}", 1000), "charge": ch}, {**refund(f"re_b{turn}", 500, "failed"), "charge": ch}]
        tellings = [
            lambda made=made, turn=turn, ch=ch: contributions.follow_session(session_of(made, f"cs_{turn}", payment_intent=f"pi_{ch}")),
            lambda made=made, ch=ch: ledger.book_charge(charge_of(made, ch, balance_transaction=None)),
            lambda made=made, ch=ch: ledger.book_charge(charge_of(made, ch)),
            lambda ch=ch, back=back: ledger.book_refunds({"id": ch}, back[:1]),
            lambda ch=ch, back=back: ledger.book_refunds({"id": ch}, back),
        ]
        for n in order:
            tellings[n]()
            tellings[n]()
        db.session.commit()
        db.session.refresh(made)
        found = db.session.execute(
            select(LedgerEntry.kind, LedgerEntry.amount, LedgerEntry.purpose).where(LedgerEntry.contribution_id == made.id)
        )
        ends.add((made.status, made.refunded, tuple(sorted(tuple(row) for row in found))))
        assert len(list(db.session.scalars(select(OutboxMail).where(OutboxMail.key == f"receipt:{ch}")))) == 1
    assert ends == {
        (
            "paid",
            1000,
            (
                ("fee", -103, "contribution"),
                ("payment", 2500, "contribution"),
                ("refund", -1000, "contribution"),
                ("refund", -500, "contribution"),
                ("refund_failed", 500, "contribution"),
            ),
        )
    }


CHARGED, CLEARED = datetime(2026, 11, 28, 9, tzinfo=UTC), datetime(2026, 12, 3, 4, tzinfo=UTC)


@pytest.mark.parametrize(("known", "dated"), [(True, CLEARED), (False, CHARGED)], ids=["cleared when booked", "cleared later"])
def test_a_payment_and_its_fee_have_one_date(app, known, dated):
    """A bank debit of November clears in December: the bank has all of it there, and one charge is never in two months."""
    made = promised()
    cleared = fee_of("ch_1") | {"created": int(CLEARED.timestamp())}
    charge = charge_of(made, created=int(CHARGED.timestamp()), balance_transaction=cleared)
    ledger.book_charge(charge if known else charge | {"balance_transaction": None})
    ledger.book_charge(charge)
    db.session.commit()
    assert {entry.kind: entry.occurred_at for entry in db.session.scalars(select(LedgerEntry))} == {"payment": dated, "fee": dated}


def test_a_charge_in_which_no_money_moved_is_not_booked(app):
    made = promised()
    for values in ({"status": "pending"}, {"status": "failed"}, {"amount_captured": 0}):
        assert ledger.book_charge(charge_of(made, **values)) is None
    assert rows() == []


@pytest.mark.parametrize(
    "values",
    [
        {"amount_captured": 100},
        {"amount_captured": 2501},
        {"currency": "jpy"},
        {"metadata": {"purpose": "contribution", "contribution": "0" * 32}},
        {"metadata": {"purpose": "contribution"}},
    ],
)
def test_W12_unexpected_money_is_booked_as_it_came_noted_and_counts_for_nothing(app, values):
    made = promised()
    entry = ledger.book_charge(charge_of(made, **values))
    assert entry is not None
    assert (entry.purpose, entry.contribution_id, entry.account_id) == ("unknown", None, None)
    assert entry.note.startswith("unexpected: ")
    assert entry.amount == values.get("amount_captured", 2500)
    assert entry.currency == values.get("currency", "usd")
    db.session.commit()
    assert db.session.scalars(select(Contribution.status)).one() == "pending"
    assert list(db.session.scalars(select(Receipt))) == []


def test_M05_a_second_payment_that_names_the_same_contribution_is_unexpected(app):
    made = promised()
    contributions.follow_session(session_of(made))
    ledger.book_charge(charge_of(made))
    other = ledger.book_charge(charge_of(made, "ch_2"))
    assert other is not None
    assert other.note.startswith("unexpected: this contribution was paid by another payment")
    db.session.commit()
    db.session.refresh(made)
    assert (made.status, len(list(db.session.scalars(select(Receipt))))) == ("paid", 1)


@pytest.mark.parametrize("values", [{"amount_total": 100}, {"currency": "eur"}, {"client_reference_id": "ci_other"}, {"id": "cs_other"}])
def test_W12_a_session_that_is_not_ours_changes_nothing(app, values):
    made = promised()
    assert contributions.follow_session({**session_of(made, status="expired"), **values}) is None
    db.session.commit()
    assert db.session.scalars(select(Contribution.status)).one() == "pending"


def test_money_of_another_site_on_the_same_account_is_kept_apart(app):
    ledger.book_charge(charge_of(None, customer="cus_1"))
    assert rows() == [("fee", "txn_ch_1", -103, "unknown"), ("payment", "ch_1", 2500, "unknown")]
    assert list(db.session.scalars(select(Receipt))) == []


def test_a_subscription_s_payment_is_placed_by_its_invoice_before_anything_is_mirrored(app, make_account):
    account = make_account()
    db.session.add(Customer(id="cus_1", account_id=account.id, created_at=clock.now()))
    invoice = {"id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1", "metadata": {"purpose": "subscription"}}}}
    entry = ledger.book_charge(charge_of(None, customer="cus_1"), invoice=invoice)
    assert entry is not None
    assert (entry.purpose, entry.subscription_id, entry.invoice_id, entry.account_id) == ("subscription", "sub_1", "in_1", account.id)
    assert db.session.scalars(select(Receipt)).one().email == account.email


def test_what_was_unknown_is_placed_when_we_learn_it_and_its_receipt_follows(app, make_account):
    account = make_account()
    charge = charge_of(None, customer="cus_1")
    ledger.book_charge(charge)
    ledger.book_refunds(charge, [refund("re_1", 100)])
    now = clock.now()
    db.session.add(
        Subscription(
            id="sub_1",
            customer_id="cus_1",
            plan_key="reader-monthly",
            purpose="subscription",
            status="active",
            currency="usd",
            started_at=now,
            fetched_at=now,
        )
    )
    invoice = {"id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1"}}}
    ledger.book_charge(charge, invoice=invoice)
    assert {row[3] for row in rows()} == {"subscription"}
    assert list(db.session.scalars(select(Receipt))) == [], "by its Price alone it may be another site's: what was typed is not written to"
    db.session.add(Customer(id="cus_1", account_id=account.id, created_at=now))
    ledger.book_charge(charge, invoice=invoice)
    assert db.session.scalars(select(Receipt)).one().email == account.email


def test_a_refund_told_before_its_payment_is_placed_when_the_payment_comes(app):
    made = promised()
    ledger.book_refunds({"id": "ch_1"}, [refund("re_1", 2500)])
    assert rows() == [("refund", "re_1", -2500, "unknown")]
    ledger.book_charge(charge_of(made))
    assert rows() == [*PAID, ("refund", "re_1", -2500, "contribution")]
    db.session.refresh(made)
    assert (made.status, made.refunded) == ("refunded", 2500)


@pytest.mark.parametrize("last", ["failed", "canceled"])
def test_a_refund_that_fails_comes_back_whether_or_not_we_saw_it_pending(app, last):
    made = promised()
    ledger.book_charge(charge_of(made))
    ledger.book_refunds({"id": "ch_1"}, [refund("re_1", 2500, "pending")])
    db.session.refresh(made)
    assert made.status == "refunded"
    ledger.book_refunds({"id": "ch_1"}, [refund("re_1", 2500, last)])
    assert [row[:3] for row in rows() if row[0].startswith("refund")] == [("refund", "re_1", -2500), ("refund_failed", "re_1", 2500)]
    db.session.refresh(made)
    assert (made.status, made.refunded) == ("paid", 0)


def test_a_refund_that_waits_for_the_payer_has_moved_nothing(app):
    ledger.book_charge(charge_of(promised()))
    ledger.book_refunds({"id": "ch_1"}, [refund("re_1", 2500, "requires_action")])
    assert rows() == PAID


def test_a_dispute_by_what_it_moved(app):
    made = promised()
    ledger.book_charge(charge_of(made))
    ledger.book_dispute(dispute())  # an inquiry: nothing moved
    assert rows() == PAID
    ledger.book_dispute(dispute(-2500))
    db.session.refresh(made)
    assert (made.status, made.refunded) == ("refunded", 2500)
    ledger.book_dispute(dispute(-2500, 2500))
    ledger.book_dispute(dispute(-2500, 2500))
    moved = [row for row in rows() if "dp" in row[1]]
    assert [row[:3] for row in moved] == [
        ("dispute", "txn_dp_0", -2500),
        ("dispute_reversal", "txn_dp_1", 2500),
        ("fee", "txn_dp_0", -1500),
    ]
    db.session.refresh(made)
    assert (made.status, made.refunded) == ("paid", 0)


def test_a_dispute_settled_in_another_currency_goes_back_of_the_payment_in_its_own(app):
    made = promised()
    ledger.book_charge(charge_of(made))
    moved = [{"id": "txn_dp", "amount": -2310, "fee": 1400, "currency": "eur", "created": 1_800_000_200}]
    ledger.book_dispute({"id": "dp_1", "charge": "ch_1", "amount": 2500, "currency": "usd", "balance_transactions": moved})
    booked = db.session.execute(select(LedgerEntry.kind, LedgerEntry.amount, LedgerEntry.currency).where(LedgerEntry.source_id == "txn_dp"))
    assert sorted(tuple(row) for row in booked) == [("dispute", -2500, "usd"), ("fee", -1400, "eur")]
    db.session.refresh(made)
    assert (made.status, made.refunded) == ("refunded", 2500)


def test_a_bank_s_late_no_makes_a_failed_contribution_and_its_late_yes_a_paid_one(app):
    made = promised()
    refused = {"id": "pi_ch_1", "status": "requires_payment_method"}
    contributions.follow_session(session_of(made, payment_status="unpaid", payment_intent={"id": "pi_ch_1", "status": "processing"}))
    assert made.status == "pending"
    contributions.follow_session(session_of(made, payment_status="unpaid", payment_intent=refused))
    assert made.status == "failed"
    ledger.book_charge(charge_of(made))
    assert made.status == "paid"


def test_R4_facts_can_be_neither_changed_nor_taken_back(app):
    ledger.book_charge(charge_of(promised()))
    db.session.commit()
    for statement in (update(LedgerEntry).values(amount=1), text("delete from ledger_entry")):
        with pytest.raises(exc.DatabaseError, match="append-only"):
            db.session.execute(statement)
        db.session.rollback()
    assert rows() == PAID


@pytest.mark.parametrize(
    ("kind", "amount"), [("payment", -1), ("payment", 0), ("refund", 1), ("dispute", 1), ("refund_failed", -1), ("fee", 0)]
)
def test_R4_a_wrong_sign_does_not_get_in(app, kind, amount):
    now = clock.now()
    db.session.add(
        LedgerEntry(source_id="x", kind=kind, purpose="unknown", amount=amount, currency="usd", occurred_at=now, recorded_at=now)
    )
    with pytest.raises(exc.IntegrityError):
        db.session.flush()
    db.session.rollback()
