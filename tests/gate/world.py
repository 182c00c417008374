"""A publication in which every gated paragraph, caption, note and cell carries a word that stands nowhere else."""

import hashlib
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from kit import clock
from kit.database import db
from publishing import articles
from publishing.newsletter import issues
from tests import factories
from tests.publishing.test_newsletter_delivery import subscribe

# What stands behind the break, each with its own word. ``{}`` is the word.
GATED = {
    "paragraph": "The rest begins here: {}.",
    "heading": "## A heading {}",
    "emphasis": "Said *softly {}*, then ~~never {}~~.",
    "bullet": "- first\n- second\n  - third {}",
    "number": "1. one\n2. two {}",
    "quotation": "> She said: {}\n>\n> > And he: {}",
    "table": "| place | price |\n|---|---|\n| mill | {} |",
    "fence": "```\nprint('{}')\n```",
    "indented": "    code {}",
    "code": "Run `{}` twice.",
    "picture": "![The mill {}](/media/mill.webp)",
    "caption": '![The mill](/media/mill.webp "Caption {}")',
    "foreign picture": "![A map {}](https://elsewhere.example/map.png)",
    "link": "[words {}](https://elsewhere.example/)",
    "link target": "[words](https://elsewhere.example/{})",
    "link title": '[words](https://elsewhere.example/ "{}")',
    "typed tag": "<div>{}</div>",
    "entity": "caf&eacute; {}",
}
# Words that are used before the break and defined behind it: what they bring is gated too.
REACHING = """
The opening says {open}, with a note[^1], [a word][deep] and ![a picture][face].
{middle}
[^1]: The note {note}.

[deep]: https://elsewhere.example/{definition} "{title}"

[face]: /media/face.webp "{portrait}"
"""


@dataclass
class Piece:
    """An article: the word of its public part, the words behind the break by what carries them, and the word of a comment."""

    slug: str
    kind: str
    access: str
    id: int = 0
    open: str = ""
    comment: str = ""
    gated: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        return f"/articles/{self.slug}"


@dataclass
class World:
    """All pieces, and the words that nobody outside the newsroom may see (drafts, what lies ahead, comments)."""

    pieces: list[Piece] = field(default_factory=list)
    hidden: dict[str, str] = field(default_factory=dict)
    draft_id: int = 0

    def of(self, *access: str) -> list[Piece]:
        return [piece for piece in self.pieces if piece.access in access]

    def words(self, *access: str) -> dict[str, str]:
        """word -> where it stands."""
        return {word: f"{piece.slug}: {where}" for piece in self.of(*access) for where, word in piece.gated.items()}


def canary(*about: str) -> str:
    """A word for this place: letters and digits only, so that no escaping, folding or line break hides it."""
    return "q" + hashlib.sha256("/".join(about).encode()).hexdigest()[:14]


def text_of(piece: Piece, *, with_break: bool) -> str:
    """The Markdown, filling in the piece's words."""
    blocks = []
    for where, pattern in GATED.items():
        piece.gated[where] = canary(piece.slug, where)
        blocks.append(pattern.replace("{}", piece.gated[where]))
    for where in ("note", "definition", "title", "portrait"):
        piece.gated[where] = canary(piece.slug, where)
    piece.open, piece.comment = canary(piece.slug, "open"), canary(piece.slug, "comment")
    blocks.append(f"<!-- for the newsroom: {piece.comment} -->")
    middle = ("\n<!-- more -->\n\n" if with_break else "\n") + "\n\n".join(blocks) + "\n"
    return REACHING.format(
        middle=middle, open=piece.open, **{name: piece.gated[name] for name in ("note", "definition", "title", "portrait")}
    )


def build() -> World:
    """Pieces of every kind and access, with and without a break; a draft, one taken back, one to come."""
    world, now = World(), clock.now()
    for access in ("free", "metered", "members"):
        for kind in ("article", "column", "photos"):
            for with_break in (True, False):
                slug = f"{access}-{kind}-{'cut' if with_break else 'whole'}"
                piece = Piece(slug, kind, access)
                text = text_of(piece, with_break=with_break)
                image = "/media/mill.webp" if kind == "photos" else ""
                piece.id = factories.make_article(slug, kind=kind, access=access, body=text, image=image).id
                world.pieces.append(piece)
    hidden = Piece("hidden", "article", "free")
    body = text_of(hidden, with_break=True)
    factories.make_article("to-come", access="free", body=body, summary=_hide(world, "to come"), at=now + timedelta(days=2))
    back = factories.make_article("taken-back", access="free", body=body, summary=_hide(world, "taken back"))
    articles.unpublish(back.id)
    draft = factories.make_article("never-out", access="free", body=body, summary=_hide(world, "draft"))
    articles.unpublish(draft.id)
    world.draft_id = draft.id
    world.hidden |= {word: f"hidden body: {where}" for where, word in hidden.gated.items()}
    world.hidden |= {piece.comment: f"{piece.slug}: comment" for piece in world.pieces}
    db.session.commit()
    return world


def _hide(world: World, what: str) -> str:
    word = canary("summary", what)
    world.hidden[word] = f"summary of what is {what}"
    return f"Summary {word}."


def send_letters(world: World, drain: Any) -> None:
    """Today's issue to a reader and to a member; and tomorrow's as a draft is left to the newsroom."""
    subscribe("free@letters.example")
    factories.make_member("member@letters.example")
    subscribe("member@letters.example")
    issues.prepare(issues.today())
    issues.start(issues.today())
    db.session.commit()
    drain()
