"""Markdown to page and preview: what is public is decided by the tokens, and nothing from behind the cut comes along."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from publishing.domain.markdown import PREVIEW_CHARACTERS, PREVIEW_WORDS, render
from publishing.domain.problems import Refused

PUBLIC = "The bridge was opened in May."
SECRET = "QUARTZMILL"


@pytest.mark.parametrize(
    ("source", "preview", "has_more"),
    [
        ("One.\n\nTwo.\n\n<!-- more -->\n\nThree.", "One.\nTwo.", True),
        ("One.\n<!--more-->\nTwo.", "One.", True),
        ("One.\n\n<!-- MORE -->\n", "One.", False),
        ("One.\n\nTwo.", "One.", True),
        ("Only.", "Only.", False),
        ("# A heading\n\nOne.\n\nTwo.", "One.", True),
        ("- a list\n- alone", "", True),
        ("![a](/media/a.jpg)\n\nOne.\n\nTwo.", "One.", True),
        ("<!-- more -->\n\nAll of it is gated.", "", True),
        ("```\n<!-- more -->\n```\n\nOne.\n\nTwo.", "One.", True),
        ("    <!-- more -->\n\nOne.\n\nTwo.", "One.", True),
        ("", "", False),
    ],
)
def test_where_the_preview_ends(source: str, preview: str, has_more: bool) -> None:
    rendered = render(source)
    assert rendered.preview_text == preview
    assert rendered.has_more is has_more


# Each of these puts SECRET behind the cut and something before it that reaches for it (safety P04).
CHANNELS = {
    "footnote": f"{PUBLIC}[^1]\n\n<!-- more -->\n\nRest.\n\n[^1]: {SECRET}\n",
    "footnote twice": f"{PUBLIC}[^1] [^1]\n\n<!-- more -->\n\nRest[^1].\n\n[^1]: {SECRET}\n\n    {SECRET}\n",
    "link": f"{PUBLIC} [word][ref]\n\n<!-- more -->\n\n[ref]: /{SECRET} '{SECRET}'\n",
    "link, short": f"{PUBLIC} [ref]\n\n<!-- more -->\n\n[ref]: /{SECRET} '{SECRET}'\n",
    "link around a picture": f"{PUBLIC} [![a](/media/a.jpg)][ref]\n\n<!-- more -->\n\n[ref]: /{SECRET}\n",
    "picture": f"{PUBLIC} ![a][ref]\n\n<!-- more -->\n\n[ref]: /media/{SECRET}.jpg '{SECRET}'\n",
    "figure": f"{PUBLIC}\n\n![a][ref]\n\n<!-- more -->\n\n[ref]: /media/{SECRET}.jpg '{SECRET}'\n",
    "foreign picture without words": f"{PUBLIC}\n\n![][ref]\n\n<!-- more -->\n\n[ref]: https://x.example/{SECRET}.jpg\n",
    "definition in a quotation": f"{PUBLIC} [ref]\n\n<!-- more -->\n\n> [ref]: /{SECRET}\n",
    "no break": f"{PUBLIC} [ref] [^1]\n\n[ref]: /{SECRET}\n\n[^1]: {SECRET}\n",
    "comment": f"{PUBLIC} <!-- {SECRET} -->\n\n<!-- {SECRET}\n\n{SECRET} -->\n\n<!-- more -->\n\nRest.\n",
    "setext": f"{PUBLIC}\n<!-- more -->\n{SECRET}\n===\n",
    "lazy quotation": f"> {PUBLIC}\n\n<!-- more -->\n{SECRET}\n",
    "list that goes on": f"- {PUBLIC}\n\n<!-- more -->\n- {SECRET}\n",
    "huge first paragraph": f"{'word ' * PREVIEW_WORDS}{SECRET} and on\n",
    "huge, in bold": f"**{'word ' * PREVIEW_WORDS}{SECRET}** and on\n",
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_nothing_reaches_over_the_cut(channel: str) -> None:
    rendered = render(CHANNELS[channel])
    assert SECRET.lower() not in (rendered.preview_html + rendered.preview_text).lower()
    assert rendered.preview_text
    assert (SECRET in rendered.html) is (channel != "comment"), "the member gets it; a comment is nobody's"


def test_a_preview_has_no_marks_of_notes_that_it_cannot_show() -> None:
    rendered = render("Open[^1].\n\n<!-- more -->\n\nRest.\n\n[^1]: Note.")
    assert rendered.preview_html == "<p>Open.</p>\n"
    assert 'href="#fn1"' in rendered.html


def test_what_is_defined_before_the_cut_stays() -> None:
    rendered = render("[the map][ref]\n\n[ref]: /media/map 'Map'\n\n<!-- more -->\n\nRest.")
    assert '<a href="/media/map" title="Map">the map</a>' in rendered.preview_html


def test_a_huge_paragraph_is_closed_where_it_is_cut() -> None:
    rendered = render(f"**bold *{' '.join(['w'] * 200)}***\n\nRest.")
    assert rendered.preview_html.strip().endswith("…</em></strong></p>")
    assert len(rendered.preview_text.split()) == PREVIEW_WORDS


@pytest.mark.parametrize("before", ["水" * 900, f"**{'水' * 900}**", f"{'水' * 500}*{'水' * 400}*", f"`{'x' * 900}`"])
def test_a_text_without_spaces_has_a_beginning_too(before: str) -> None:
    rendered = render(before + SECRET)
    assert SECRET not in rendered.preview_html + rendered.preview_text
    assert len(rendered.preview_text) == PREVIEW_CHARACTERS + 1
    assert rendered.has_more


@pytest.mark.parametrize(
    ("source", "line"),
    [
        ("One. <!-- more --> Two.", 1),
        ("One.\n\n<!-- more --> Two.", 3),
        ("- One\n\n  <!-- more -->\n\n  Two", 3),
        ("> One\n>\n> <!-- more -->\n", 3),
        ("<div>\n<!-- more -->\n</div>\n\nTwo", 1),
        ("One\n\n<!-- more -->\n\nTwo\n\n<!-- more -->\n\nThree", 7),
        ("One\n\n<!-- more\n\nTwo", 3),
    ],
)
def test_a_break_that_could_be_missed_is_refused_with_its_line(source: str, line: int) -> None:
    with pytest.raises(Refused) as refusal:
        render(source)
    assert refusal.value.problems["body"].line == line


@pytest.mark.parametrize(
    "source",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "a <b onclick=alert(1)>b</b>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt&colon;alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "![x](javascript:alert(1))",
        "<svg onload=alert(1)>",
        "<style>*{}</style>",
        '[x](/a "\\"onmouseover=alert(1) ")',
        "```html\n<script>\n```",
        "<iframe src=https://evil.example></iframe>",
    ],
)
def test_no_markup_of_the_writer_runs(source: str) -> None:
    import html5lib

    html = render(f"One.\n\n{source}").html
    tree = html5lib.parse(html, namespaceHTMLElements=False)
    for node in tree.iter():
        assert node.tag not in ("script", "style", "svg", "iframe", "b", "object", "form")
        assert not [name for name in node.attrib if name.startswith("on") or name == "style"]
        assert re.match(r"(/|#|https?:|mailto:|$)", node.attrib.get("href", "") or node.attrib.get("src", ""))


def test_pictures_are_figures_with_their_size_and_caption() -> None:
    html = render('![The mill](/media/mill.webp "In 1901")', lambda _src: (1200, 800)).html
    assert '<figure><img src="/media/mill.webp" alt="The mill"' in html
    assert 'width="1200" height="800"' in html
    assert "<figcaption>In 1901</figcaption>" in html


def test_a_picture_of_another_site_becomes_a_link() -> None:
    html = render("![The mill](https://tracker.example/mill.gif)").html
    assert "<img" not in html
    assert '<a href="https://tracker.example/mill.gif">The mill</a>' in html


# ---- for random structures of blocks ----

OPEN = st.sampled_from(["alder", "birch", "cedar", "elm"])
SHUT = st.sampled_from(["quartz", "basalt", "gneiss", "schist"])


def blocks(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    text = st.lists(words, min_size=1, max_size=6).map(" ".join)
    inline = st.one_of(
        text,
        text.map(lambda t: f"**{t}**"),
        text.map(lambda t: f"_{t}_ [{t}](/{t.split()[0]})"),
        text.map(lambda t: f"`{t}` ![{t}](/media/{t.split()[0]}.jpg '{t}')"),
        text.map(lambda t: f"{t} [^1] [ref] [{t}][ref2] ![{t}][ref]"),
        text.map(lambda t: f"{t} ^[{t}]"),
        text.map(lambda t: f"{t} **open _{t}"),
        text.map(lambda t: f'"{t}" <em>{t} <!-- {t} -->'),
    )
    return st.one_of(
        inline,
        inline.map(lambda t: f"## {t}"),
        inline.map(lambda t: f"{t}\n==="),
        st.lists(inline, min_size=1, max_size=3).map(lambda ts: "\n".join(f"- {t}" for t in ts)),
        st.lists(inline, min_size=1, max_size=3).map(lambda ts: "\n\n".join(f"{n}. {t}" for n, t in enumerate(ts, 1))),
        inline.map(lambda t: f"> {t}\n> > {t}"),
        text.map(lambda t: f"```\n{t}\n```"),
        text.map(lambda t: f"    {t}"),
        inline.map(lambda t: f"| {t.split()[0]} | b |\n|---|---|\n| 1 | 2 |"),
        text.map(lambda t: f"[^1]: {t}"),
        text.map(lambda t: f"[ref]: /{t.split()[0]} '{t}'"),
        text.map(lambda t: f"[ref2]: https://{t.split()[0]}.example/"),
        text.map(lambda t: f"<div>{t}\n{t}</div>"),
        st.just("---"),
    )


@given(st.lists(blocks(OPEN), max_size=5), st.lists(blocks(SHUT), min_size=1, max_size=6), st.sampled_from(["\n\n", "\n"]))
@example(["alder [^1]"], ["[^1]: quartz"], "\n\n")
@example(["![alder][ref]"], ["[ref]: /quartz 'quartz'"], "\n\n")
def test_no_word_from_behind_the_break_is_public(before: list[str], behind: list[str], gap: str) -> None:
    source = "\n\n".join(before) + f"\n\n<!-- more -->{gap}" + "\n\n".join(behind)
    rendered = render(source)
    public = (rendered.preview_html + rendered.preview_text).lower()
    assert not [word for word in ("quartz", "basalt", "gneiss", "schist") if word in public]


@given(st.lists(blocks(SHUT), min_size=1, max_size=6))
def test_without_a_break_only_the_first_paragraph_is_public(behind: list[str]) -> None:
    rendered = render("alder\n\n" + "\n\n".join(behind))
    assert rendered.preview_text == "alder"
    assert rendered.preview_html.strip() == "<p>alder</p>"


@given(st.text(max_size=300))
def test_any_text_is_rendered_or_refused(source: str) -> None:
    try:
        rendered = render(source)
    except Refused:
        return
    assert "<script" not in rendered.html
