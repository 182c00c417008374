"""The report's tables as CSV and JSON, its charts as SVG."""

from flask import Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from membership.guards import staff
from reports import tables
from reports.charts import CHARTS, THEMES
from reports.views.blueprint import asked_report, bp, kept_report


@bp.get("/<any(members, mrr, cash, contributions):name>.csv")
@staff("editor", "finance")
def table_csv(name: str) -> ResponseReturnValue:
    """A table for spreadsheets, streamed line by line."""
    report = asked_report()
    lines = tables.csv_lines(tables.build(name, report))
    headers = {"Content-Disposition": f'attachment; filename="{name}-{report.lines[0].month}-{report.lines[-1].month}.csv"'}
    return Response(lines, mimetype="text/csv", headers=headers)


@bp.get("/<any(members, mrr, cash, contributions):name>.json")
@staff("editor", "finance")
def table_json(name: str) -> ResponseReturnValue:
    """A table for programs: integers in minor units, rates as fractions, each figure with its definition."""
    report = asked_report()
    return jsonify(tables.as_dict(tables.build(name, report), report))


@bp.get("/charts/<name>.svg")
@staff("editor", "finance")
def chart(name: str) -> ResponseReturnValue:
    """A drawn chart, made for an <img>; `theme` is light or dark."""
    theme = request.args.get("theme", "light")
    if name not in CHARTS or theme not in THEMES:
        abort(404)
    answer = Response(CHARTS[name](kept_report(), theme), mimetype="image/svg+xml")
    # The drawing carries its own <style> (and nothing else): allowed in this answer, nowhere else.
    answer.headers["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return answer
