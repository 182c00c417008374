"""The drawn charts, as SVG without a script: shown as images, with the same figures in the table beside them."""

import sys
from typing import Any

from flask_babel import gettext as _
from pygal import Config, Line, PluginImportFixer, StackedBar
from pygal.style import Style

from kit.formats import count_text
from reports import words
from reports.domain.flow import JOINED, LOST, Kind
from reports.dwindling import Report

# pygal leaves an import hook of an older Python behind, for maps; every later import would warn of it.
sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, PluginImportFixer)]

_FACE = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif'
# Colours that people who see no red or green can tell apart; the lightness differs too.
_SERIES = {
    "light": ("#0b5568", "#5fa3b0", "#a9d3d6", "#a11b1b", "#d98a3d", "#8b857a", "#c9c2b4"),
    "dark": ("#86cbd8", "#3f8797", "#2b5660", "#f3a29b", "#efc877", "#aca69a", "#5c6266"),
}
_INK = {"light": ("#1d1b18", "#5a554c", "#ddd7ca"), "dark": ("#ebe7df", "#aca69a", "#363b3e")}
THEMES = tuple(_SERIES)
WIDTH, HEIGHT = 640, 320


def members(report: Report, theme: str) -> bytes:
    """Paying members at each month's end, as SVG."""
    level = [line.flow.closing for line in report.lines]
    chart = Line(_config(report, theme, ticks(min(level), max(level)), 2.5, show_legend=False, show_dots=len(level) < 4))
    chart.add(words.name("closing"), level)
    return _drawn(chart)


def flow(report: Report, theme: str) -> bytes:
    """Who came (up) and who went (down) in each month, as SVG."""
    up = [line.flow.joined for line in report.lines]
    down = [line.flow.lost + line.flow.kinds[Kind.PAUSED] for line in report.lines]
    legend = {"legend_at_bottom": True, "legend_at_bottom_columns": 3, "margin_bottom": 34}
    chart = StackedBar(_config(report, theme, ticks(-max(down), max(up)), 0, **legend))
    for kind in (*JOINED, *LOST, Kind.PAUSED):
        sign = 1 if kind in JOINED else -1
        chart.add(words.name(kind.value), [sign * line.flow.kinds[kind] for line in report.lines])
    return _drawn(chart)


def _drawn(chart: Any) -> bytes:
    """The chart as SVG, without the script that pygal embeds even when it is told to use none."""

    def without_script(root: Any) -> Any:
        for parent in list(root.iter()):
            for child in [child for child in parent if child.tag == "script"]:
                parent.remove(child)
        return root

    chart.add_xml_filter(without_script)
    return chart.render()


def ticks(low: int, high: int) -> list[int]:
    """Four to nine round numbers from at or below `low` to at or above `high`."""
    span = max(high - low, 4)
    step = next(step for power in range(16) for step in (10**power, 2 * 10**power, 5 * 10**power) if span <= 6 * step)
    return list(range(low // step * step, -(-high // step) * step + 1, step)) if high > low else [low, low + 1]


CHARTS = {"members": members, "flow": flow}


def _config(report: Report, theme: str, scale: list[int], stroke: float, **more) -> Config:
    months = [line.month for line in report.lines]
    return Config(
        js=[],  # no script, and nothing fetched from anywhere
        style=_style(theme, stroke),
        width=WIDTH,
        height=HEIGHT,
        explicit_size=True,
        margin_left=8,
        margin_top=10,
        margin_right=26,
        spacing=12,
        x_title=_("Months in %(zone)s", zone=report.zone),
        x_labels=[str(month) for month in months],
        # Every third month, counted back from the newest: all of them would not be legible.
        x_labels_major=[str(month) for month in months[::-3]],
        show_minor_x_labels=False,
        truncate_label=-1,
        truncate_legend=-1,
        show_y_guides=True,
        y_labels=scale,
        range=(scale[0], scale[-1]),
        # Who went is drawn downwards and is no negative number of people.
        value_formatter=lambda value: count_text(abs(round(value))),
        no_data_text="",
        disable_xml_declaration=True,
        print_values=False,
        **more,
    )


def _style(theme: str, stroke: float) -> Style:
    ink, soft, rule = _INK[theme]
    return Style(
        background="transparent",
        plot_background="transparent",
        foreground=soft,
        foreground_strong=ink,
        foreground_subtle=rule,
        colors=_SERIES[theme],
        guide_stroke_color=rule,
        major_guide_stroke_color=rule,
        guide_stroke_dasharray="0",
        major_guide_stroke_dasharray="0",
        opacity="1",
        stroke_opacity="1",
        stroke_width=str(stroke),
        font_family=_FACE,
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=13,
        title_font_size=12,
        no_data_font_size=16,
    )
