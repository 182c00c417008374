"""Markdown to safe HTML, and to the public preview, in one pass over one token stream.

The preview is cut from the tokens, at a block's boundary, and never from HTML: text behind the cut cannot
come along in a half-open tag. Three things reach across a document and would carry gated words forward;
the preview drops them: footnotes, link definitions that stand behind the cut, and comments.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.footnote import footnote_plugin

from publishing.domain.problems import Problem, Refused, mark

PREVIEW_WORDS = 80  # an article without a break shows its first paragraph, and of a huge one so many words
PREVIEW_CHARACTERS = 600  # and so many characters: Chinese, Japanese and Thai have no spaces between words

_MORE = re.compile(r"<!--\s*more\s*-->", re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)

ImageSize = Callable[[str], tuple[int, int] | None]  # address of a picture -> width and height in pixels, if known


@dataclass(frozen=True)
class Rendered:
    """``html`` is the whole text, ``preview_html`` and ``preview_text`` are public; all HTML is sanitised.

    ``has_more``: whether the text says more than its preview.
    """

    html: str
    preview_html: str
    preview_text: str
    has_more: bool


def render(source: str, image_size: ImageSize = lambda _src: None) -> Rendered:
    """Render an article's Markdown. Raises Refused (field "body") on a break or a comment that could not be meant."""
    env: dict = {}
    tokens = _parser.parse(source, env)
    _refuse_doubtful(tokens)
    _shape_pictures(tokens, image_size)
    cut = next((index for index, token in enumerate(tokens) if _is_break(token)), None)
    if cut is not None:
        shown, line = tokens[:cut], _line(tokens[cut])
        has_more = any(token.content.strip() or token.nesting for token in tokens[cut + 1 :])
    else:
        shown, line, has_more = _first_paragraph(tokens)
    hidden = {label for label, ref in env.get("references", {}).items() if ref["map"][0] >= line}
    public = [_without_loose_ends(token, hidden) for token in shown]
    return Rendered(
        html=_html([token for token in tokens if not _is_break(token)], env),
        preview_html=_html(public, env),
        preview_text=_plain(public),
        has_more=has_more,
    )


# ---- the parser ----


def _make_parser() -> MarkdownIt:
    # html is on so that comments are recognised as such; the two rules below let nothing else through.
    options = {"html": True, "typographer": True, "linkify": True, "store_labels": True}
    parser = MarkdownIt("commonmark", options).enable(["table", "strikethrough", "replacements", "smartquotes", "linkify"])
    parser.use(footnote_plugin)
    parser.add_render_rule("html_block", _typed_html)
    parser.add_render_rule("html_inline", _typed_html)
    parser.add_render_rule("footnote_block_open", lambda *_: '<section class="footnotes">\n<ol>\n')
    return parser


def _typed_html(_renderer: object, tokens: list[Token], index: int, _options: object, _env: object) -> str:
    """Tags that somebody typed are shown as typed; comments are for the newsroom and vanish."""
    text = _COMMENT.sub("", tokens[index].content)
    if tokens[index].type == "html_inline":
        return escape(text)
    return f"<p>{escape(text.strip())}</p>\n" if text.strip() else ""


_parser = _make_parser()

_sanitiser = nh3.Cleaner(
    tags={
        "p",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "em",
        "strong",
        "s",
        "a",
        "img",
        "figure",
        "figcaption",
        "blockquote",
        "ul",
        "ol",
        "li",
        "pre",
        "code",
        "hr",
        "br",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "sup",
        "section",
    },
    attributes={
        "a": {"href", "title", "id"},
        "img": {"src", "alt", "width", "height", "loading"},
        "li": {"id"},
        "ol": {"start"},
        "sup": set(),
        "section": set(),
    },
    allowed_classes={"section": {"footnotes"}, "sup": {"footnote-ref"}},
    attribute_filter=lambda _tag, name, value: value if name != "id" or re.fullmatch(r"fn(ref)?[\d:]+", value) else None,
    url_schemes={"http", "https", "mailto"},
    link_rel=None,
)


def _html(tokens: list[Token], env: dict) -> str:
    return _sanitiser.clean(_parser.renderer.render(tokens, _parser.options, env))


# ---- the break ----


def _is_break(token: Token) -> bool:
    return token.type == "html_block" and token.level == 0 and _MORE.fullmatch(token.content.strip()) is not None


def _line(token: Token) -> int:
    return token.map[0] if token.map else 0


def _refuse_doubtful(tokens: list[Token]) -> None:
    """A break that might not be seen as one would publish what was meant for members: say so instead of guessing."""
    breaks = 0
    for token in tokens:
        line = _line(token) + 1
        pieces = [token, *(token.children or [])]
        for piece in (piece for piece in pieces if piece.type in ("html_block", "html_inline")):
            if _is_break(piece):
                breaks += 1
                if breaks > 1:
                    raise Refused({"body": Problem(mark("The preview ends twice: keep one <!-- more -->."), line=line)})
            elif _MORE.search(piece.content):
                text = mark("<!-- more --> must stand alone on its line, outside of lists and quotations.")
                raise Refused({"body": Problem(text, line=line)})
            elif "<!--" in _COMMENT.sub("", piece.content):
                raise Refused({"body": Problem(mark("A comment is opened here and never closed."), line=line)})


def _first_paragraph(tokens: list[Token]) -> tuple[list[Token], int, bool]:
    """The preview of a text without a break: its first paragraph of words, and of a huge one the beginning."""
    for index, token in enumerate(tokens):
        if token.type == "paragraph_open" and token.level == 0 and token.tag == "p":
            opened, inline, closed = tokens[index : index + 3]
            children, whole = _first_words(inline.children or [], PREVIEW_WORDS, PREVIEW_CHARACTERS)
            only = index == 0 and index + 3 == len(tokens)
            line = token.map[1] if token.map else 0
            return [opened, inline.copy(children=children), closed], line, not (whole and only)
    return [], 0, bool(tokens)


def _first_words(children: list[Token], limit: int, room: int) -> tuple[list[Token], bool]:
    """At most ``limit`` words and ``room`` characters of a paragraph's tokens, with what was open closed again; and whether that is all."""
    kept: list[Token] = []
    still_open: list[Token] = []
    for token in children:
        said = token.content if token.type in ("text", "code_inline") else ""
        words = said.split()
        if len(words) > limit or len(said) > room:
            kept.append(token.copy(content=" ".join(words[:limit])[:room] + "…"))
            closing = [Token(opened.type.replace("_open", "_close"), opened.tag, -1) for opened in reversed(still_open)]
            return kept + closing, False
        limit, room = limit - len(words), room - len(said)
        if token.nesting == 1:
            still_open.append(token)
        elif token.nesting == -1:
            still_open.pop()
        kept.append(token)
    return kept, True


def _without_loose_ends(token: Token, hidden_labels: set[str]) -> Token:
    """A token without footnote marks and without what a definition behind the cut would bring."""
    if token.children is None:
        return token
    kept: list[Token] = []
    links: list[bool] = []  # for each open link: is it dropped?
    for child in token.children:
        from_behind = child.meta.get("label") in hidden_labels
        if child.type == "footnote_ref" or (from_behind and child.type != "link_open"):
            continue
        if child.type == "link_open":
            links.append(from_behind)
        if child.type in ("link_open", "link_close") and (links.pop() if child.type == "link_close" else from_behind):
            continue
        kept.append(child)
    return token.copy(children=kept)


# ---- pictures and plain text ----


def _shape_pictures(tokens: list[Token], image_size: ImageSize) -> None:
    """A paragraph of pictures becomes a figure with its captions; sizes stand in the page, so nothing jumps."""
    for index, token in enumerate(tokens):
        if token.type != "inline" or not token.children:
            continue
        pictures = [child for child in token.children if child.type == "image"]
        words = [child for child in token.children if child.type not in ("image", "softbreak") and child.content.strip()]
        alone = bool(pictures) and not words and not tokens[index - 1].hidden and tokens[index - 1].type == "paragraph_open"
        if alone:
            tokens[index - 1].tag = tokens[index + 1].tag = "figure"
        token.children = [piece for child in token.children for piece in _picture(child, image_size, alone)]


def _picture(token: Token, image_size: ImageSize, with_caption: bool) -> list[Token]:
    if token.type != "image":
        return [token]
    source, title = str(token.attrGet("src") or ""), str(token.attrGet("title") or "")
    if not is_own_picture(source):
        # Pictures of other sites would tell them who reads (and the page's policy blocks them): a plain link instead.
        linked = Token("link_open", "a", 1, attrs={"href": source}, meta=token.meta)
        words = Token("text", "", 0, content=token.content or title or source, meta=token.meta)
        return [linked, words, Token("link_close", "a", -1)]
    token.attrSet("loading", "lazy")
    if size := image_size(source):
        token.attrSet("width", str(size[0]))
        token.attrSet("height", str(size[1]))
    if not (with_caption and title):
        return [token]
    label = token.meta  # of a definition that may be gated: where the picture is dropped, its caption goes too
    caption = [
        Token("figcaption_open", "figcaption", 1, meta=label),
        Token("text", "", 0, content=title, meta=label),
        Token("figcaption_close", "figcaption", -1, meta=label),
    ]
    return [token, *caption]


def is_own_picture(address: str) -> bool:
    """A path on this site, such as /media/mill.webp."""
    return re.fullmatch(r"/(?![/\\])[!-\[\]-~]*", address) is not None


def _plain(tokens: list[Token]) -> str:
    """The words of these tokens, a line a block."""
    blocks = []
    for token in tokens:
        if token.type in ("fence", "code_block"):
            blocks.append(token.content)
        for_words = [_word(child) for child in token.children or []]
        blocks.append("".join(for_words))
    return "\n".join(" ".join(block.split()) for block in blocks if block.strip())


def _word(child: Token) -> str:
    if child.type in ("text", "code_inline"):
        return child.content
    return " " if child.type in ("softbreak", "hardbreak", "figcaption_open") else ""
