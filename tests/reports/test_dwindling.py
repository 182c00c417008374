"""The report read from a database: it equals the slow oracle, every list is as long as its number, cash nets."""

from zoneinfo import ZoneInfo

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from kit.database import db
from reports import closes, dwindling, goals, people, tables, watch
from reports.domain.flow import LOST, Kind
from reports.domain.months import Month
from tests.reports import oracle
from tests.reports.histories import day, row
from tests.reports.histories import people as some_people
from tests.reports.rows import entry, store

NEW_YORK = ZoneInfo("America/New_York")
FIRST, LAST, LATER = Month(2025, 1), Month(2026, 2), day(2000)


def storable(found):
    """Without rows of no length, which the table refuses; what stood behind one moves up to its place."""
    return {who: [one for one in rows if one.until is None or one.until > one.effective_at] for who, rows in found.items()}


@given(some_people(most=3), st.sampled_from(["America/New_York", "Pacific/Kiritimati", "Etc/GMT+12"]))
# Without shrinking: a failure on a database would take minutes to become small.
@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_equals_the_slow_oracle_and_adds_up(app, found, zone):
    found = storable(found)
    try:
        ids = store(found)
        report = dwindling.read(FIRST, LAST, ZoneInfo(zone), LATER)
        names = {number: who for who, number in ids.items()}
        assert report.differences == {}
        for line in report.lines:
            assert line.flow.opening == len(oracle.members(found, line.start))
            assert line.flow.closing == len(oracle.members(found, line.end))
            assert line.flow.paused_closing == len(oracle.paused(found, line.end))
            closing = {currency: bridge.closing for currency, bridge in line.bridges.items() if bridge.closing}
            assert closing == dict(oracle.mrr(found, line.end))
            expected = oracle.kinds(found, line.start, line.end)
            assert sum(line.flow.kinds[kind] for kind in LOST) == len(expected.pop("lost"))
            for kind, persons in expected.items():
                listed = people.behind(kind, line.month, ZoneInfo(zone), LATER)
                assert len(listed) == line.flow.kinds[Kind(kind)]
                assert {names[person.account_id] for person in listed} == persons
    finally:
        db.session.rollback()


def test_every_figure_has_a_list_as_long_as_it(app):
    store(
        {
            "late": [row(0, 50, "past_due", who="late", source="s1", cause="payment"), row(70, None, who="late", source="s2")],
            "torn": [
                row(0, 60, who="torn", source="s3", cause="replaced"),
                row(60, 70, "past_due", who="torn", source="s3", notice=65, cause="reader"),
            ],
            "ending": [
                row(0, 65, who="ending", source="s4", cause="replaced"),
                row(65, 400, "ending", who="ending", source="s4", notice=65),
            ],
            "owing": [
                row(0, 66, who="owing", source="s5", cause="replaced"),
                row(66, 400, "past_due", who="owing", source="s5", cause="payment"),
            ],
        }
    )
    march, now = Month(2025, 3), day(100)
    (line,) = dwindling.read(march, march, NEW_YORK, now).lines
    length = {kind: len(people.behind(kind, march, NEW_YORK, now)) for kind in people.KINDS}
    for kind in Kind:
        assert kind == Kind.STAYED or length[kind] == line.flow.kinds[kind]
    assert length["recovered_late"] == line.flow.recovered_late == 1
    assert length["notice_while_past_due"] == line.flow.notice_while_past_due == 1
    assert length["notice_given"] == len(line.notices) == 2
    assert length["past_due"] == len(watch.group(watch.past_due(now)).persons) == 1
    assert length["under_notice"] == len(watch.group(watch.under_notice(now)).persons) == 1
    assert [person.name for person in people.behind("past_due", march, NEW_YORK, now)] == ["owing"]
    with pytest.raises(KeyError):
        people.behind("stayed", march, NEW_YORK, now)


def test_notices_by_the_month_in_which_they_fall(app):
    ends = {"soon": 80, "later": 130, "far": 900, "open": None}
    store(
        {
            who: [row(0, 10, who=who, source=who, cause="replaced"), row(10, end, "ending", who=who, source=who, notice=10)]
            for who, end in ends.items()
        }
    )
    falls = watch.by_month(watch.under_notice(day(40)), NEW_YORK, day(40))
    assert {str(month): len(group.persons) for month, group in falls.items()} == {"2025-03": 1, "2025-05": 1, "later": 1, "undated": 1}
    assert next(iter(falls.values())).mrr == {"usd": 500}


def test_rows_that_were_corrected_do_not_count(app):
    store({"ann": [row(0, None)]})
    from membership.models import MembershipInterval

    db.session.query(MembershipInterval).update({"superseded_at": day(1)})
    (line,) = dwindling.read(Month(2025, 3), Month(2025, 3), NEW_YORK, day(100)).lines
    assert (line.flow.opening, line.bridges) == (0, {})


def test_an_empty_publication_shows_dashes_and_raises_nothing(app):
    first, last = dwindling.default_range(NEW_YORK, day(100))
    assert first == last == Month(2025, 4)
    report = dwindling.read(first, last, NEW_YORK, day(100))
    assert report.differences == {}
    assert report.currencies == []
    assert report.lines[0].churn.value is None
    assert report.lines[0].running
    assert tables.build("members", report).rows[0]["churn"] is None


def test_the_page_has_the_last_24_months_and_none_before_the_first(app):
    store({"ann": [row(0, None)]})
    assert dwindling.default_range(NEW_YORK, day(1000)) == (Month(2025, 10), Month(2027, 9))
    first, last = dwindling.default_range(NEW_YORK, day(100))
    assert (first <= Month.of(day(0), NEW_YORK), last) == (True, Month(2025, 4))


def test_the_running_month_goes_to_now_and_later_ones_are_refused(app):
    store({"ann": [row(0, None)], "bo": [row(95, None, who="bo", source="s2")], "eve": [row(110, None, who="eve", source="s3")]})
    report = dwindling.read(Month(2025, 4), Month(2030, 1), NEW_YORK, day(100))
    assert [line.month for line in report.lines] == [Month(2025, 4)]
    assert (report.lines[0].flow.closing, report.lines[0].flow.net, report.lines[0].net_mean) == (2, 1, None)
    with pytest.raises(ValueError, match="no month"):
        dwindling.read(Month(2025, 5), Month(2025, 6), NEW_YORK, day(100))


def test_a_local_month_and_not_a_utc_one(app):
    # 03:30 UTC on 1 March is still February in New York.
    store({"ann": [row(0, 59 + 3.5 / 24, cause="reader")]})
    february, march = dwindling.read(Month(2025, 2), Month(2025, 3), NEW_YORK, LATER).lines
    assert (february.flow.lost, march.flow.lost) == (1, 0)
    february, march = dwindling.read(Month(2025, 2), Month(2025, 3), ZoneInfo("UTC"), LATER).lines
    assert (february.flow.lost, march.flow.lost) == (0, 1)


def test_cash_nets_and_contributions_follow_the_printed_rule(app):
    march = day(70)
    for number, (kind, amount, purpose) in enumerate(
        [
            ("payment", 2500, "contribution"),
            ("fee", -103, "contribution"),
            ("refund", -2500, "contribution"),
            ("payment", 2500, "contribution"),
            ("payment", 500, "subscription"),
            ("dispute", -500, "subscription"),
            ("dispute_reversal", 500, "subscription"),
        ]
    ):
        entry(number, kind, amount, march, purpose=purpose)
    entry(90, "payment", 900, march, currency="jpy")
    entry(91, "payment", 777, day(59), currency="usd")  # 1 March 00:00 UTC: February in New York
    goals.put(Month(2025, 3), "usd", 5000, by=None, at=march)
    february, line = dwindling.read(Month(2025, 2), Month(2025, 3), NEW_YORK, LATER).lines
    usd = line.cash["usd"]
    assert (usd.gross, usd.refunds, usd.disputes, usd.fees, usd.net) == (5500, -2500, 0, -103, 2897)
    assert (line.contributions["usd"].raised, line.contributions["usd"].count) == (2500, 2)
    assert line.cash["jpy"].net == 900
    assert february.cash["usd"].net == 777
    assert line.goals == {"usd": 5000}
    assert february.flow.difference == line.flow.difference == 0


def test_money_of_the_first_instant_is_the_new_month_s(app):
    entry(1, "payment", 500, Month(2025, 3).start(NEW_YORK))
    february, march = dwindling.read(Month(2025, 2), Month(2025, 3), NEW_YORK, LATER).lines
    assert february.cash == {}
    assert march.cash["usd"].gross == 500


def test_an_open_pause_that_is_90_days_old_at_the_boundary_is_over(app):
    utc, april = ZoneInfo("UTC"), Month(2025, 4)
    store({"ann": [row(0, 30, cause="replaced"), row(30, None, "paused")]})  # 90 days: 1 May, 00:00
    (line,) = dwindling.read(april, april, utc, LATER).lines
    assert (line.flow.paused_opening, line.flow.paused_closing, line.flow.kinds[Kind.LOST_FROM_PAUSE]) == (1, 0, 1)
    assert line.differences == {}


def test_a_goal_is_set_changed_and_taken_away(app):
    month = Month(2025, 3)
    goals.put(month, "usd", 5000, by=None, at=day(1))
    goals.put(month, "usd", 6000, by=None, at=day(2))
    assert goals.between(month, month) == {month: {"usd": 6000}}
    goals.put(month, "usd", None, by=None, at=day(3))
    assert goals.between(month, month) == {}


def test_the_number_of_queries_does_not_grow_with_the_months(app):
    store({"ann": [row(0, 300, cause="reader")], "bo": [row(10, None, "active", who="bo", source="s2")]})
    seen = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    dwindling.read(Month(2025, 3), Month(2025, 3), NEW_YORK, LATER)
    one_month, seen[:] = len(seen), []
    dwindling.read(Month(2020, 1), Month(2026, 3), NEW_YORK, LATER)
    assert len(seen) == one_month <= 8


def test_a_month_is_closed_once_and_what_comes_later_is_its_restatement(app):
    ids = store({"ann": [row(0, None)]})
    march = Month(2025, 3)
    with pytest.raises(closes.CannotClose, match="2025-04-05"):
        closes.close(march, NEW_YORK, day(93))
    assert closes.close(march, NEW_YORK, day(95)).new
    assert not (again := closes.close(march, NEW_YORK, day(96))).new
    assert again.restated == {}
    late = row(70, None, who=ids["ann"], source="s2", mrr_720=720_000)
    store({"bo": [late]})
    restated = closes.close(march, NEW_YORK, day(97)).restated
    assert restated["members.new"] == (0, 1)
    assert restated["mrr.usd.mrr_closing"] == (500, 1500)
    assert "members.opening" not in restated
    assert closes.closed_months(march, march) == {march: day(95)}


def test_a_report_that_does_not_add_up_says_by_how_much(app, monkeypatch):
    store({"ann": [row(0, None)], "bo": [row(70, None, who="bo", source="s2")]})
    march = Month(2025, 3)
    # The stocks and the flows are told apart here by losing one history on the way.
    monkeypatch.setattr(dwindling.histories, "moved", lambda start, end: iter(()))
    report = dwindling.read(march, march, NEW_YORK, day(200))
    assert report.differences == {march: {"members": 1, "mrr_usd": 500 * 720}}
    with pytest.raises(closes.CannotClose, match="add up"):
        closes.close(march, NEW_YORK, day(200))


def test_tables_hold_what_the_report_says(app):
    store({"ann": [row(0, 70, cause="reader")], "bo": [row(0, None, who="bo", source="s2", mrr_720=300_000)]})
    report = dwindling.read(Month(2025, 2), Month(2025, 3), NEW_YORK, day(200))
    members = tables.build("members", report)
    assert [str(one["month"]) for one in members.rows] == ["2025-02", "2025-03"]
    assert members.rows[1]["lost_voluntary"] == 1
    assert members.rows[1]["churn"] is None
    for name in tables.NAMES:
        table = tables.build(name, report)
        assert all(set(one) == set(table.columns) for one in table.rows)
        assert tables.as_dict(table, report)["zone"] == "America/New_York"
        lines = list(tables.csv_lines(table))
        assert len(lines) == len(table.rows) + 1
    assert "2025-03,usd,917,0" not in "".join(tables.csv_lines(tables.build("mrr", report)))
    assert "2025-03,usd,9.17,0.00" in "".join(tables.csv_lines(tables.build("mrr", report)))


def test_text_that_a_spreadsheet_would_run_is_disarmed():
    assert [tables.safe(text) for text in ("=1+1", "+1", "-1", "@x", "\tx", "ann")] == ["'=1+1", "'+1", "'-1", "'@x", "'\tx", "ann"]
    row_with_numbers = {"month": "=HYPERLINK()", "net": -3, "net_mean": -40 / 3}
    table = tables.Table("members", ("month", "net", "net_mean"), [row_with_numbers], "Etc/UTC")
    assert list(tables.csv_lines(table))[1] == "'=HYPERLINK(),-3,-13.333333,Etc/UTC\r\n"  # a number stays a number
