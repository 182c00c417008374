"""A visit to the report: who may see it, what it says, its lists, files and the goal."""

import json
from datetime import UTC, datetime

import pytest
import time_machine

from kit.database import db
from reports.models import Goal, MonthlyClose
from tests.reports.histories import row
from tests.reports.rows import entry, store

NOW = datetime(2025, 4, 11, 15, tzinfo=UTC)  # day 100


@pytest.fixture(autouse=True)
def april(app):
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def readers(app):
    """Ten members since January; in April one joins, one cancels and one card fails to the end of its grace."""
    many = {f"r{n}": [row(0, None, who=f"r{n}", source=f"s{n}")] for n in range(8)}
    more = {
        "joins": [row(92, None, who="joins", source="j")],
        "cancels": [row(0, 95, who="cancels", source="c", cause="reader")],
        "fails": [row(0, 91, who="fails", source="f", cause="replaced"), row(91, 98, "past_due", who="fails", source="f", cause="payment")],
    }
    store({**many, **more})
    entry(1, "payment", 2500, NOW.replace(day=5))
    db.session.commit()


PATHS = ["/reports/", "/reports/members.csv", "/reports/mrr.json", "/reports/charts/flow.svg", "/reports/people?kind=new"]


@pytest.mark.parametrize("path", PATHS)
def test_only_staff_who_need_it_may_look(visit, staff, make_account, path):
    assert visit().get(path).status == 303
    assert visit(make_account()).get(path).status == 404
    assert visit(staff("support")).get(path).status == 403
    for role in ("owner", "editor", "finance"):
        assert visit(staff(role)).get(path).status == 200


def test_the_page_says_the_month_in_words(visit, staff, readers):
    page = visit(staff("editor")).get("/reports/")
    assert "9 paying members, 1 fewer than on April 1, 2025. 1 joined, 2 left: 1 by failed payments." in page.text
    assert "Adds up" in page.text
    assert "America/New_York" in page.text
    assert "$25.00 contributed; no goal is set for this month." in page.text
    assert "style=" not in page.html
    assert "<script" not in page.html.replace("<script src", "")


def test_each_number_says_how_it_is_counted_and_of_how_many(visit, staff, readers):
    page = visit(staff("editor")).get("/reports/")
    assert "10 people" in page.text, "behind the opening MRR"
    assert "9 people" in page.text, "and the closing one"
    for how in (
        "on the day of its balance transaction",
        "In the month refunded",
        "Taken back by banks",
        "The processor's",
        "Cash is not MRR",
    ):
        assert how in page.text.replace("’", "'"), how
    (cash,) = [table for table in page.tree.iter("table") if table.find("caption").text.startswith("Cash")]
    assert [row.find("th").find("details") is not None for row in cash.find("tbody").iter("tr")] == [True] * 5
    assert "$25.00" in "".join(cash.itertext())


def test_numbers_lead_to_as_many_people(visit, staff, readers):
    editor = visit(staff("editor"))
    lists = [link for link in editor.get("/reports/").links() if "/people" in link and "month=2025-04" in link]
    assert len(lists) >= 3
    for kind, email in (("new", "joins"), ("lost_voluntary", "cancels"), ("lost_involuntary", "fails")):
        link = next(link for link in lists if f"kind={kind}&" in link or link.endswith(f"kind={kind}"))
        page = editor.get(link)
        assert "1 person" in page.text
        assert f"{email}@reader.example" in page.text


def test_another_month_and_months_that_are_none(visit, staff, readers):
    editor = visit(staff("editor"))
    assert "10 paying members at the end of March 2025, as many as on March 1, 2025." in editor.get("/reports/?month=2025-03").text
    assert "0 paying members at the end of January 2001" in editor.get("/reports/?month=2001-01").text
    for bad in ("2025-05", "2025-13", "x", "0000-00"):
        assert editor.get(f"/reports/?month={bad}").status == 404
    for query in ("from=2025-04&to=2025-01", "from=1990-01", "to=2031-01"):
        assert editor.get(f"/reports/members.csv?{query}").status == 404
    assert editor.get("/reports/people?kind=everybody").status == 404
    assert editor.get("/reports/charts/members.svg?theme=pink").status == 404


def test_files_to_take_away(visit, staff, readers):
    editor = visit(staff("finance"))
    csv = editor.get("/reports/members.csv?from=2025-03&to=2025-04")
    assert csv.headers["Content-Type"].startswith("text/csv")
    assert "members-2025-03-2025-04.csv" in csv.headers["Content-Disposition"]
    head, march, april = csv.html.splitlines()
    assert head.startswith("month,opening,new")
    assert march.startswith("2025-03,10,0")
    assert april.startswith("2025-04,10,1")
    found = json.loads(editor.get("/reports/mrr.json?from=2025-04").html)
    assert found["zone"] == "America/New_York"
    assert found["as_of"] == "2025-04-11T15:00:00Z"
    assert found["rows"][0] | {"mrr_opening": 5000, "mrr_new": 500, "mrr_churn_voluntary": -500, "mrr_closing": 4500} == found["rows"][0]
    assert "Expansion" not in found["definitions"]
    assert found["definitions"]["mrr_expansion"]


@pytest.mark.parametrize("name", ["members", "flow"])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_charts_are_drawn_without_a_script(visit, staff, readers, name, theme):
    svg = visit(staff("editor")).get(f"/reports/charts/{name}.svg?theme={theme}")
    assert svg.headers["Content-Type"].startswith("image/svg+xml")
    assert svg.html.startswith("<svg")
    assert "<script" not in svg.html
    assert "2025-04" in svg.html
    assert "script-src" not in svg.headers["Content-Security-Policy"]
    assert "default-src 'none'" in svg.headers["Content-Security-Policy"]


def test_an_empty_publication_has_a_page_and_charts(visit, staff):
    editor = visit(staff("editor"))
    page = editor.get("/reports/")
    assert "0 paying members" in page.text
    assert "Nobody joined and nobody left." in page.text
    assert "—" in page.text
    assert editor.get("/reports/charts/flow.svg").status == editor.get("/reports/charts/members.svg").status == 200


def test_setting_a_goal(visit, staff, readers):
    editor = visit(staff("editor"))
    editor.get("/reports/")
    page = editor.submit("/reports/goals", amount="5,000", follow=True)
    assert page.status == 200
    assert "$25.00 of $5,000.00 contributed: 0.5% of the goal." in page.text
    editor.submit("/reports/goals", amount="", follow=True)
    assert db.session.get(Goal, ("2025-04", "usd")) is None


@pytest.mark.parametrize(
    ("field", "typed", "says"),
    [
        ("amount", "lots", "digits"),
        ("amount", "-5", "more than nothing"),
        ("amount", "0", "more than nothing"),
        ("amount", "1e9", "digits"),
        ("amount", "NaN", "digits"),
        ("amount", "10.001", "smallest coin"),
        ("amount", "1.234,5", "not clear"),
        ("amount", "9" * 30, "digit too many"),
        ("amount", "٣٤", "digits"),
        ("month", "2025-13", "year and month"),
        ("currency", "dollars", "three letters"),
    ],
)
def test_a_goal_that_is_none_is_named_at_its_field_and_kept(visit, staff, field, typed, says):
    editor = visit(staff("editor"))
    editor.get("/reports/")
    page = editor.submit("/reports/goals", **{"amount": "100", field: typed})
    assert page.status == 422
    assert says in page.errors()[field]
    assert page.form("/reports/goals").fields[field] == typed
    assert db.session.query(Goal).count() == 0


def test_a_goal_takes_a_token_and_a_currency_without_coins(visit, staff):
    editor = visit(staff("editor"))
    assert editor.post("/reports/goals", {"month": "2025-06", "amount": "1"}, csrf=False).status == 400
    assert editor.post("/reports/goals", {"month": "2025-06", "currency": "JPY", "amount": "1500"}).status == 303
    assert db.session.get(Goal, ("2025-06", "jpy")).amount == 1500


def run(app, *words):
    return app.test_cli_runner().invoke(args=["reports", *words])


def test_show_on_the_command_line(app, readers):
    shown = run(app, "show", "members", "--from", "2025-04")
    assert shown.exit_code == 0
    assert "lost_involuntary" in shown.output
    assert json.loads(run(app, "show", "members", "--json").output)["rows"][-1]["closing"] == 9
    assert run(app, "show", "mrr", "--csv", "--from", "2025-04").output.splitlines()[1].startswith("2025-04,usd,50.00,5.00")
    for wrong in (["show", "nothing"], ["show", "members", "--from", "2025"], ["show", "members", "--from", "2026-01"]):
        assert run(app, *wrong).exit_code == 2


def test_closing_on_the_command_line(app, readers):
    assert "2025-05-05" in (early := run(app, "close", "2025-04")).output
    assert early.exit_code == 1
    assert "2025-03 is closed." in run(app, "close", "2025-03").output
    assert db.session.get(MonthlyClose, "2025-03").figures["members.closing"] == 10
    store({"late": [row(70, None, who="late", source="late")]})
    db.session.commit()
    again = run(app, "close", "2025-03")
    assert again.exit_code == 0
    assert "restated members.new: 0 -> 1" in again.output
    assert db.session.get(MonthlyClose, "2025-03").figures["members.closing"] == 10


def test_the_page_says_when_a_month_is_closed(app, visit, staff, readers):
    run(app, "close", "2025-03")
    assert "closed on April 11, 2025" in visit(staff("editor")).get("/reports/?month=2025-03").text


def test_a_contradiction_is_shown_with_its_size(visit, staff, readers, monkeypatch):
    from reports import dwindling

    monkeypatch.setattr(dwindling.histories, "moved", lambda start, end: iter(()))
    page = visit(staff("editor")).get("/reports/")
    assert "Does not add up" in page.text
    assert "2025-04, members: −1" in page.text
