"""Doubtful payments: held until somebody looked, cleared or given back; and the month's goal, which does not count them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given as examples
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from kit import clock
from kit.database import db
from payments import raised, risks
from payments.domain import risks as rules
from payments.models import ChargeRisk, Contribution, LedgerEntry
from reports import cash, goals
from reports.domain.months import Month
from tests.payments.givers import contribute

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ELEVATED, HIGHEST, WARNED = "4000000000009235", "4000000000004954", "4000000000005423"


@pytest.mark.parametrize(
    ("level", "review", "warned", "actionable", "cleared", "expected"),
    [
        ("", "", None, False, None, ""),
        ("elevated", "", None, False, None, "risk"),
        ("highest", "", None, False, None, "risk"),
        ("highest", "", None, False, NOON, ""),
        ("elevated", "open", None, False, None, "review"),
        ("elevated", "closed", None, False, None, ""),
        ("", "open", None, False, None, "review"),
        ("", "open", None, False, NOON, ""),
        ("", "", NOON, True, None, "warning"),
        ("", "", NOON, False, None, ""),
        ("", "", NOON, True, NOON + HOUR, ""),
        ("", "", NOON, True, NOON - HOUR, "warning"),  # cleared before the network warned
    ],
)
def test_the_rule(level, review, warned, actionable, cleared, expected):
    assert rules.doubt(level, review, warned, actionable, cleared) == expected


def test_what_the_charge_says():
    assert rules.level_of({"outcome": {"type": "authorized", "risk_level": "normal"}}) == ""
    assert rules.level_of({"outcome": {"type": "manual_review", "risk_level": "normal"}}) == "elevated"
    assert rules.level_of({"outcome": {"type": "authorized", "risk_level": "highest"}}) == "highest"
    assert rules.level_of({"outcome": None}) == rules.level_of({}) == ""


def one(model):
    db.session.rollback()
    return db.session.scalars(select(model)).one()


@pytest.mark.parametrize(("card", "doubt"), [(ELEVATED, "review"), (HIGHEST, "risk"), (WARNED, "warning")])
def test_held_cleared_and_counted_again(visit, sandbox, deliver, staff, card, doubt):
    contribute(visit(), sandbox, card, name="Gus", publish="y")
    deliver()
    given, risk = one(Contribution), one(ChargeRisk)
    assert (given.status, given.held, risk.doubt) == ("paid", True, doubt)
    assert raised.between(clock.now() - HOUR, clock.now() + HOUR) == {}
    desk = visit(staff("finance"))
    assert f"/admin/payments/{risk.charge_id}" in desk.get("/admin/payments/").links()
    assert "Nobody waits." in desk.get("/admin/thanks/").text
    assert "held for review" in desk.get(f"/admin/contributions/{given.public_id}").text
    desk.get(f"/admin/payments/{risk.charge_id}")
    assert "The payment counts again." in desk.submit(f"/admin/payments/{risk.charge_id}/clear", note="a neighbour", follow=True).text
    assert one(Contribution).held is False
    assert raised.between(clock.now() - HOUR, clock.now() + HOUR) == {"usd": 2500}
    assert "a neighbour" in desk.get(f"/admin/payments/{risk.charge_id}").text
    deliver()
    assert sandbox.complaints == []


def test_a_review_approved_at_stripe_lets_it_go(visit, sandbox, deliver):
    contribute(visit(), sandbox, ELEVATED)
    deliver()
    review = next(iter(sandbox.world.store.all("review")))
    sandbox.close_review(review["id"], "approved")
    deliver()
    assert (one(Contribution).held, one(ChargeRisk).review_reason) == (False, "approved")


def test_a_review_closed_as_fraud_gives_the_money_back_and_ends_a_monthly_one(visit, sandbox, deliver):
    contribute(visit(), sandbox, ELEVATED, frequency="month")
    deliver()
    assert (one(Contribution).status, one(Contribution).held) == ("active", True)
    review = next(iter(sandbox.world.store.all("review")))
    sandbox.close_review(review["id"], "refunded_as_fraud")
    deliver()
    deliver()
    given = one(Contribution)
    assert (given.status, given.refunded) == ("refunded", 2500)
    assert sandbox.get(given.subscription_id)["metadata"]["end_cause"] == "fraud"


def test_an_early_warning_offers_a_refund_and_a_refund_answers_it(app, visit, sandbox, deliver, staff, outbox):
    app.config["ADMIN_EMAIL"] = "desk@ferry.example"
    try:
        contribute(visit(), sandbox, WARNED)
        deliver()
    finally:
        app.config["ADMIN_EMAIL"] = ""
    assert len([mail for mail in outbox() if mail.key.startswith("warning:")]) == 1
    charge_id = one(ChargeRisk).charge_id
    desk = visit(staff("finance"))
    page = desk.get(f"/admin/payments/{charge_id}")
    assert "Pay it back now and there will be no dispute" in page.text
    assert desk.submit(f"/admin/payments/{charge_id}/refund", reason="fraudulent").status == 303
    deliver()
    assert (one(ChargeRisk).doubt, one(Contribution).held, one(Contribution).status) == ("", False, "refunded")
    assert "Pay it back now" not in desk.get("/admin/payments/").text


# --- the goal ----------------------------------------------------------------------------------------------------------

KINDS = {"payment": 1, "refund": -1, "refund_failed": 1, "dispute": -1, "dispute_reversal": 1, "fee": -1}
entries = st.lists(
    st.tuples(
        st.sampled_from(list(KINDS)), st.integers(1, 10_000), st.integers(-40, 40), st.booleans(),
        st.sampled_from(["contribution", "subscription", "unknown"]),
    ),
    max_size=12,
)  # fmt: skip


@examples(entries)
@hypothesis_settings(max_examples=40)
def test_panel_and_report_count_alike(app, found):
    """The oracle is a sum over rows in Python; the panel's query and the report's must both equal it."""
    db.session.rollback()
    db.session.execute(delete(ChargeRisk))
    db.session.add_all(
        LedgerEntry(source_id=f"x{clock.now().timestamp()}{n}", kind=kind, purpose=purpose, amount=KINDS[kind] * amount, currency="usd",
                    occurred_at=NOON + timedelta(days=day), recorded_at=NOON, charge_id=f"ch_{n}")
        for n, (kind, amount, day, _, purpose) in enumerate(found)
    )  # fmt: skip
    db.session.add_all(ChargeRisk(charge_id=f"ch_{n}", doubt="risk", fetched_at=NOON) for n, (_, _, _, held, _) in enumerate(found) if held)
    db.session.flush()
    from kit.formats import zone
    from payments.books import month_bounds

    first, after = month_bounds("2026-05")
    expected = sum(
        KINDS[kind] * amount
        for kind, amount, day, held, purpose in found
        if kind != "fee" and purpose == "contribution" and not held and first <= NOON + timedelta(days=day) < after
    )
    month = Month.parse("2026-05")
    (report,) = cash.by_month([month.start(zone()), month.plus(1).start(zone())])
    in_report = report.get("contribution", {})
    assert raised.between(first, after).get("usd", 0) == expected
    assert (in_report["usd"].raised if "usd" in in_report else 0) == expected
    db.session.rollback()


def test_the_panel_shows_the_goal_with_its_rule(visit, sandbox, deliver, staff):
    assert "How this is counted" not in visit().get("/contribute").text
    goals.put(Month.parse(f"{clock.now():%Y-%m}"), "usd", 100_000, by=None, at=clock.now())
    db.session.commit()
    contribute(visit(), sandbox)
    deliver()
    page = visit().get("/contribute")
    assert "$25.00 of $1,000.00 contributed this month." in page.text
    assert "Payments held for review count once they are cleared." in page.text
    assert "Payments held for review count once they are cleared." in visit(staff("editor")).get("/reports/").text


def test_a_refund_as_fraud_that_failed_is_none_and_looks_that_saw_no_refunds_change_nothing(app):
    charge = {"id": "ch_doubted", "outcome": {}, "refunded": False}
    back = {"id": "re_1", "reason": "fraudulent", "status": "succeeded"}
    review = {"id": "prv_1", "open": False, "closed_reason": "refunded_as_fraud"}

    def fraud(*seen):
        risks.write(charge, *seen)
        db.session.commit()
        return one(ChargeRisk).fraud

    assert fraud(None, None, [back]) is True
    assert fraud(None, None, None) is True
    assert fraud(None, None, [{**back, "status": "failed"}]) is False
    assert fraud(review, None, []) is True
    assert fraud(None, None, []) is True, "what closed the review stays said"
