"""Our own sanitised HTML as plain text, for the half of a mail that is read without pictures."""

from html.parser import HTMLParser

_BLOCKS = frozenset("p h1 h2 h3 h4 h5 h6 figure blockquote ul ol pre table tr hr section".split())


class _Reader(HTMLParser):
    """Collects words; blocks end in an empty line, links keep their address behind them."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.blocks: list[str] = [""]
        self.links: list[str] = []
        self.quoted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        if tag == "li":
            self._block("- ")
        elif tag in _BLOCKS:
            self._block()
            self.quoted += tag == "blockquote"
        elif tag == "br":
            self.blocks[-1] += "\n"
        elif tag == "a":
            self.links.append(said.get("href") or "")
        elif tag == "img" and said.get("alt"):
            self.blocks[-1] += f"[{said['alt']}] "

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS or tag == "li":
            self._block()
            self.quoted -= tag == "blockquote"
        elif tag == "a" and self.links:
            link = self.links.pop()
            # A bare address is its own link.
            if link.startswith(("http", "mailto:")) and not self.blocks[-1].endswith(link.removeprefix("mailto:")):
                self.blocks[-1] += f" ({link})"

    def handle_data(self, data: str) -> None:
        self.blocks[-1] += data.replace("\n", " ")

    def _block(self, first: str = "") -> None:
        """End a block and begin one with ``first``; a mark of a list waits for its words."""
        said = "\n".join(" ".join(line.split()) for line in self.blocks.pop().split("\n")).strip()
        if said == "-" and not first:
            self.blocks.append("- ")
            return
        if said and said != "-":
            self.blocks.append(f"> {said}" if self.quoted else said)
        self.blocks.append(first)


def text_of(html: str) -> str:
    """Paragraphs with an empty line between them."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    reader._block()
    return "\n\n".join(block for block in reader.blocks if block.strip())
