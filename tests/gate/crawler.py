"""A crawler that follows whatever looks like an address and keeps everything it was told: body, headers, redirects."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

ADDRESS = re.compile(
    r"""(?:href|src|action|content)\s*=\s*["']([^"'<>]+)["']|<(?:loc|link|guid|url)[^>]*>([^<]+)<|"(https?://localhost[^"\\]*)\""""
)
WORD = re.compile(r"q[0-9a-f]{14}")
# Not followed: in development /_dev/mailbox shows every mail that was written, the members' letters too; and reports
# link to every month there may be. Nobody but the newsroom gets into those, which test_doors.py shows.
NOT_FOLLOWED = ("/_dev/", "/reports/")


@dataclass(frozen=True)
class Answer:
    """One answer as a spy would keep it."""

    path: str
    how: str
    status: int
    headers: Any
    text: str

    @property
    def words(self) -> set[str]:
        """The canaries in it, wherever they stand: white space, case and markup do not hide them."""
        everything = "\n".join([self.text, *(f"{name}: {value}" for name, value in self.headers.items())])
        return set(WORD.findall(everything.lower()))


class Crawler:
    """``keep``: with cookies, as a browser; else a new stranger at each request."""

    def __init__(self, visitor: Any, *, keep: bool = True) -> None:
        self.visitor, self.keep = visitor, keep
        self.answers: list[Answer] = []

    def ask(self, path: str, how: str = "GET", method: str = "GET", **kwargs: Any) -> Answer:
        if not self.keep:
            self.visitor.client = self.visitor.app.test_client()
        self.visitor._new_request()
        response = self.visitor.client.open(path, method=method, **kwargs)
        answer = Answer(path, how, response.status_code, response.headers, response.get_data().decode("utf-8", "replace"))
        response.close()  # files are sent unread
        self.answers.append(answer)
        return answer

    def crawl(self, seeds: Iterable[str], most: int = 600) -> set[str]:
        """Everything that can be reached from ``seeds`` by links of any kind; answers the addresses."""
        waiting, seen = list(seeds), set(seeds)
        while waiting and len(seen) < most:
            answer = self.ask(waiting.pop(0))
            for found in self.addresses(answer):
                if found not in seen:
                    seen.add(found)
                    waiting.append(found)
        assert len(seen) < most, "the crawl has no end: raise `most`, or look at what the site links to"
        return seen

    @staticmethod
    def addresses(answer: Answer) -> set[str]:
        """Addresses on this site in an answer, without fragments."""
        found = {answer.headers.get("Location", "")}
        found |= {"".join(groups) for groups in ADDRESS.findall(answer.text)}
        local = set()
        for address in found:
            parts = urlsplit(address.replace("&amp;", "&").strip())
            if parts.path.startswith("/") and parts.netloc in ("", "localhost") and not parts.path.startswith(NOT_FOLLOWED):
                local.add(parts.path + (f"?{parts.query}" if parts.query else ""))
        return local
