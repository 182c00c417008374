"""Random membership histories, and short ways to write one down."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from reports.domain.intervals import Interval

EPOCH = datetime(2025, 1, 1, tzinfo=UTC)
CAUSES = ["reader", "payment", "staff", "fraud", "dispute", "migration", "merge", "death", "comp", "duplicate", None]


def day(number: float) -> datetime:
    """An instant so many days after 1 January 2025, UTC."""
    return EPOCH + timedelta(days=number)


def row(start: float, until: float | None, state: str = "active", *, who: object = "ann", source: object = "sub_1", **more) -> Interval:
    """One interval, days since 1 January 2025; a paying month of 5.00 unless told otherwise."""
    notice = more.pop("notice", None)
    learnt = more.pop("learnt", until)
    fields = {
        "klass": "paying",
        "mrr_720": 0 if state == "paused" else 500 * 720,
        "currency": "usd",
        "end_cause": more.pop("cause", None),
        **more,
    }
    return Interval(
        account_id=who,
        source_kind="subscription",
        source_id=source,
        effective_at=day(start),
        until=None if until is None else day(until),
        state=state,
        notice_at=None if notice is None else day(notice),
        until_recorded_at=None if learnt is None else day(learnt),
        **fields,
    )


@st.composite
def source_rows(draw: st.DrawFn, who: object, source: object) -> list[Interval]:
    """One source's contiguous intervals: each but the last is replaced by the next."""
    start = draw(st.integers(0, 700)) / 2
    rows: list[Interval] = []
    for _ in range(draw(st.integers(1, 5))):
        state = draw(st.sampled_from(["active", "active", "past_due", "ending", "paused", "trial"]))
        klass = "trial" if state == "trial" else draw(st.sampled_from(["paying"] * 6 + ["comp", "gift", "seat"]))
        length = draw(st.integers(0, 240)) / 2
        notice = draw(st.floats(start, start + length) | st.none()) if state in ("ending", "past_due") else None
        money = draw(st.sampled_from([0, 1, 299_700, 360_000, 299_940, 720_000]))
        currency = draw(st.sampled_from(["usd", "usd", "usd", "eur", "jpy"]))
        learnt = draw(st.sampled_from([start, start + length]))
        more = {"klass": klass, "mrr_720": money, "currency": currency, "notice": notice, "learnt": learnt}
        rows.append(row(start, start + length, state, who=who, source=source, cause="replaced", **more))
        start += length
    still_running = draw(st.booleans())
    last = rows.pop()
    if still_running:
        rows.append(last._replace(until=None, until_recorded_at=None, end_cause=None))
    else:
        rows.append(last._replace(end_cause=draw(st.sampled_from(CAUSES))))
    return rows


@st.composite
def people(draw: st.DrawFn, most: int = 4) -> dict[str, list[Interval]]:
    """A handful of persons, each with one to three sources, rows in no particular order."""
    found = {}
    for number in range(draw(st.integers(0, most))):
        who = f"person-{number}"
        rows = [one for source in range(draw(st.integers(1, 3))) for one in draw(source_rows(who, f"sub_{number}_{source}"))]
        found[who] = draw(st.permutations(rows))
    return found
