"""The drawn charts, as SVG without a script: shown as images, with the same figures in the table beside them."""

from pygal import Config, Line, StackedBar
from pygal.style import Style

from kit.formats import count_text
from reports import words
from reports.domain.flow import Kind
from reports.dwindling import Report

_FACE = 'system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif'
# Colours that people who see no red or green can tell apart; the lightness differs too.
_SERIES = {"light": ("#0b5568", "#5fa3b0", "#a11b1b", "#d98a3d", "#8b857a", "#c9c2b4"), "dark": ("#86cbd8", "#3f8797", "#f3a29b", "#efc877", "#aca69a", "#5c6266")}
_INK = {"light": ("#1d1b18", "#5a554c", "#ddd7ca"), "dark": ("#ebe7df", "#aca69a", "#363b3e")}
THEMES = tuple(_SERIES)


def members(report: Report, theme: str) -> bytes:
    """Paying members at each month's end, as SVG."""
    chart = Line(_config(report, theme, show_legend=False, fill=False, show_dots=len(report.lines) < 4))
    chart.add(words.name("closing"), [line.flow.closing for line in report.lines])
    return chart.render()


def flow(report: Report, theme: str) -> bytes:
    """Who came (up) and who went (down) in each month, as SVG."""
    chart = StackedBar(_config(report, theme, legend_at_bottom=True, legend_at_bottom_columns=3, include_x_axis=True))
    for kind, sign in (
        *((Kind.NEW, 1), (Kind.REACTIVATED, 1)),
        *((Kind.LOST_VOLUNTARY, -1), (Kind.LOST_INVOLUNTARY, -1), (Kind.LOST_ADMINISTRATIVE, -1), (Kind.PAUSED, -1)),
    ):
        chart.add(words.name(kind.value), [sign * line.flow.kinds[kind] for line in report.lines])
    return chart.render()


CHARTS = {"members": members, "flow": flow}


def _config(report: Report, theme: str, **more) -> Config:
    months = [line.month for line in report.lines]
    config = Config(
        js=[],  # no script, and nothing fetched from anywhere
        style=_style(theme),
        width=960,
        height=340,
        explicit_size=True,
        margin=8,
        spacing=12,
        stroke_style={"width": 2.5},
        x_labels=[str(month) for month in months],
        # Every third month, counted back from the newest: all of them would not be legible.
        x_labels_major=[str(month) for month in months[::-3]],
        show_minor_x_labels=False,
        truncate_label=-1,
        show_y_guides=True,
        y_labels_major_count=4,
        show_minor_y_labels=False,
        formatter=lambda value: count_text(abs(round(value))),
        no_data_text="",
        no_prefix=True,
        disable_xml_declaration=True,
        print_values=False,
        **more,
    )
    return config


def _style(theme: str) -> Style:
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
        font_family=_FACE,
        label_font_size=13,
        major_label_font_size=13,
        legend_font_size=13,
        no_data_font_size=16,
    )
