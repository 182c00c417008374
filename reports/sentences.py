"""The report in words: what an editor reads first, and what the charts say to those who do not see them."""

from flask_babel import gettext as _
from flask_babel import ngettext

from kit.formats import count_text, date_text, local, month_text
from reports.domain.flow import Kind
from reports.dwindling import MonthLine, Report


def summary(line: MonthLine) -> list[str]:
    """The month in two or three sentences."""
    return [_level(line), *filter(None, [_movement(line), _beside(line)])]


def _level(line: MonthLine) -> str:
    flow, since = line.flow, date_text(line.start)
    members = ngettext("%(count)s paying member", "%(count)s paying members", flow.closing, count=count_text(flow.closing))
    if not line.running:
        members = _("%(members)s at the end of %(month)s", members=members, month=month_text(local(line.start).date()))
    if flow.net == 0:
        return _("%(members)s, as many as on %(since)s.", members=members, since=since)
    changed = count_text(abs(flow.net))
    if flow.net < 0:
        return _("%(members)s, %(changed)s fewer than on %(since)s.", members=members, changed=changed, since=since)
    return _("%(members)s, %(changed)s more than on %(since)s.", members=members, changed=changed, since=since)


def _movement(line: MonthLine) -> str:
    flow = line.flow
    if not (flow.joined or flow.lost):
        return _("Nobody joined and nobody left.")
    joined = _("%(count)s joined", count=count_text(flow.joined)) if flow.joined else _("Nobody joined")
    if not flow.lost:
        return _("%(joined)s, nobody left.", joined=joined)
    failed = flow.kinds[Kind.LOST_INVOLUNTARY]
    left = _("%(count)s left", count=count_text(flow.lost))
    if not failed:
        return _("%(joined)s, %(left)s.", joined=joined, left=left)
    return _("%(joined)s, %(left)s: %(failed)s by failed payments.", joined=joined, left=left, failed=count_text(failed))


def _beside(line: MonthLine) -> str:
    flow = line.flow
    paused, through = flow.kinds[Kind.PAUSED], flow.kinds[Kind.IN_AND_OUT]
    parts = []
    if paused:
        parts.append(_("%(count)s paused", count=count_text(paused)))
    if through:
        parts.append(_("%(count)s came and went within the month", count=count_text(through)))
    if line.notices:
        parts.append(_("%(count)s gave notice for later", count=count_text(len(line.notices))))
    return ", ".join(parts) + "." if parts else ""


def of_chart(name: str, report: Report) -> str:
    """What the chart shows, for its text alternative; the figures themselves are in the table below it."""
    first, last = report.lines[0], report.lines[-1]
    span = {"first": month_text(local(first.start).date()), "last": month_text(local(last.start).date())}
    if name == "members":
        return _(
            "Line of paying members at each month's end, %(first)s to %(last)s: from %(begin)s to %(end)s.",
            begin=count_text(first.flow.closing),
            end=count_text(last.flow.closing),
            **span,
        )
    joined, lost = (sum(getattr(line.flow, side) for line in report.lines) for side in ("joined", "lost"))
    return _(
        "Bars of who came and who went in each month, %(first)s to %(last)s: %(joined)s came, %(lost)s went.",
        joined=count_text(joined),
        lost=count_text(lost),
        **span,
    )
