"""What stands beside the members and beside MRR: counted, listed, and never inside."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from kit.database import db
from payments.models import Contribution, Subscription
from reports import beside, people, watch
from reports.domain.months import Month
from tests.reports.histories import day, row
from tests.reports.rows import store

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2025, 4, 11, 15, tzinfo=UTC)  # day 100
APRIL = Month(2025, 4)


@pytest.fixture(autouse=True)
def april(app):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def crowd(app):
    free = {"mrr_720": 0}
    store(
        {
            "pays": [row(0, None, who="pays", source="s1"), row(1, None, who="pays", source="g1", klass="gift", **free)],
            "tries": [row(90, 120, "trial", who="tries", source="s2", klass="trial")],
            "tried": [row(60, 74, "trial", who="tried", source="s3", klass="trial")],
            "press": [
                row(0, None, who="press", source="s4", klass="comp", **free),
                row(9, None, who="press", source="s5", klass="comp", **free),
            ],
            "given": [row(5, 300, who="given", source="g2", klass="gift", **free)],
            "seated": [row(5, None, who="seated", source="p1", klass="seat", **free)],
            "rests": [row(95, 200, "paused", who="rests", source="s6", learnt=95)],
        }
    )
    db.session.commit()


def subscription(subscription_id, **more):
    fields = {
        "customer_id": "cus",
        "purpose": "subscription",
        "status": "active",
        "currency": "usd",
        "started_at": day(0),
        "fetched_at": NOW,
    }
    db.session.add(Subscription(id=subscription_id, **fields | more))


def test_each_line_is_as_long_as_its_list(crowd):
    counted = beside.counts(NOW)
    assert counted == {"trial": 1, "comp": 1, "gift": 1, "seat": 1}
    for kind, who in (("trial", "tries"), ("comp", "press"), ("gift", "given"), ("seat", "seated"), ("paused_closing", "rests")):
        assert [person.name for person in people.behind(kind, APRIL, NEW_YORK, NOW)] == [who]
    assert beside.counts(day(70)) == {"trial": 1, "comp": 1, "gift": 1, "seat": 1}
    assert [person.name for person in people.behind("trial", Month(2025, 2), NEW_YORK, NOW)] == [], "not yet at that month's end"


def test_the_page_shows_them_with_their_lists(crowd, visit, staff):
    editor = visit(staff("editor"))
    page = editor.get("/reports/")
    assert "1 paying member" in page.text
    for kind in ("trial", "comp", "gift", "seat", "paused_closing", "new"):
        assert editor.get(f"/reports/people?kind={kind}&month=2025-04").status == 200
    assert {f"/reports/people?kind={kind}&month=2025-04" for kind in beside.KINDS} <= {link.replace("&amp;", "&") for link in page.links()}


def give(number, *, status="active", began=0, ended=None, amount=1000, fee=60, currency="usd", **more):
    subscription(
        f"sub_{number}",
        purpose="contribution",
        status=status,
        started_at=day(began),
        ended_at=None if ended is None else day(ended),
        mrr_720=(amount + fee) * 720,
        currency=currency,
    )
    db.session.add(
        Contribution(
            public_id=f"c{number}", subscription_id=f"sub_{number}", frequency="month", amount=amount, fee_cover=fee, currency=currency,
            status="active", created_at=day(began), **more,
        )
    )  # fmt: skip


def test_recurring_giving_is_a_line_of_its_own_and_covered_fees_another(app, visit, staff):
    store({"ann": [row(0, None, source="s1")]})
    give(1)
    give(2, status="past_due", amount=500, fee=0)
    give(3, status="canceled", began=10, ended=40)
    give(4, status="incomplete")
    give(5, began=95)
    give(6, amount=3000, currency="jpy")
    db.session.commit()
    assert beside.giving(NOW) == {"jpy": (1, 3000, 60), "usd": (3, 2500, 120)}
    assert beside.giving(day(20)) == {"jpy": (1, 3000, 60), "usd": (3, 2500, 120)}
    assert beside.giving(day(0)) == {"jpy": (1, 3000, 60), "usd": (2, 1500, 60)}
    page = visit(staff("editor")).get("/reports/").text
    assert "$25.00 3 contributions" in page
    assert "$1.20" in page
    assert "MRR, closing" in page
    assert "$5.00" in page, "the one subscription, and nothing of what is given"


def test_committed_is_what_is_paid_when_discounts_have_ended(app, visit, staff):
    lasting = {"mrr_720": 400 * 720}
    store(
        {
            "half": [row(0, None, who="half", source="half", mrr_720=250 * 720)],
            "free": [row(0, None, who="free", source="free", klass="comp", mrr_720=0)],
            "friend": [row(0, None, who="friend", source="friend", **lasting)],
            "leaves": [row(0, 120, "ending", who="leaves", source="leaves", mrr_720=250 * 720, notice=50)],
            "unseen": [row(0, None, who="unseen", source="unseen")],
            "press": [row(0, None, who="press", source="grant", klass="comp", mrr_720=0)],
        }
    )
    for who, rate in (("half", 500), ("free", 500), ("friend", 400), ("leaves", 500), ("unseen", None)):
        subscription(who, committed_720=rate and rate * 720)
    db.session.commit()
    found = watch.committed(NOW)
    assert {currency: (one.mrr, one.persons) for currency, one in found.items()} == {"usd": (500 + 500 + 400 + 250 + 500, 2)}
    assert "$21.50 2 discounts end" in visit(staff("editor")).get("/reports/").text


@pytest.mark.parametrize("path", ["charts/members.svg", "charts/flow.svg", "members.csv", "mrr.csv"])
def test_the_zone_is_on_each_chart_and_in_each_file(crowd, visit, staff, path):
    assert "America/New_York" in visit(staff("editor")).get(f"/reports/{path}").html
