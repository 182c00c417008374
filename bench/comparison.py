"""Rounds of load, one target after the other, over and over; and what the rounds say together.

The machine may be busy with other things, so no rate means anything alone. A round of ours and the round of its
baseline lie seconds apart; each pair gives a ratio, and the median of the ratios is what is reported.
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from bench import stage, wrk
from bench.servers import Server

MOST_REFUSED = 0.01  # of a round's requests; they count as none
EVENTS_A_SECOND = 2500  # more than any server here takes in; a file must not run out


@dataclass
class Target:
    """One thing that is measured: a page (its headers) or, with ``posts``, an intake of events."""

    name: str
    server: Server
    path: str
    headers: dict[str, str] = field(default_factory=dict)
    posts: bool = False
    rounds: list[wrk.Round] = field(default_factory=list)
    cpu_ms: list[float] = field(default_factory=list)

    def load(self, seconds: float) -> None:
        """One round, kept."""
        with tempfile.TemporaryDirectory(prefix="wellspring-bench-events-") as folder:
            events = Path(folder) / "events" if self.posts else None
            if events:
                stage.write_events(events, int(EVENTS_A_SECOND * max(1, seconds)))
            before = self.server.cpu_seconds()
            seen = wrk.load(self.server.url + self.path, seconds, self.headers, events)
        # A busy disk may keep a durable insert from its turn for longer than our door waits: 503, and Stripe would come again.
        if seen.refused > seen.requests * MOST_REFUSED or not seen.requests:
            raise RuntimeError(f"{self.name}: {seen.refused} of {seen.requests} answers were refusals; nothing was measured")
        self.rounds.append(seen)
        self.cpu_ms.append((self.server.cpu_seconds() - before) * 1000 / seen.requests)

    def median(self, what: Callable[[wrk.Round], float]) -> float:
        """The median round's."""
        return statistics.median(what(each) for each in self.rounds)

    @property
    def cpu(self) -> float:
        """CPU milliseconds a request, of the server's whole tree; the least disturbed round's."""
        return min(self.cpu_ms)


def interleave(targets: list[Target], rounds: int, seconds: float, until: float, progress: Callable[[str], None]) -> None:
    """Every target once a round, each after its baseline; every other round backwards, so that a drift favours nobody.

    No round begins that would end after ``until`` (time.monotonic()), but one is always run.
    """
    began = time.monotonic()
    for number in range(rounds):
        if number and time.monotonic() + (time.monotonic() - began) / number > until:
            break
        for target in targets if number % 2 == 0 else reversed(targets):
            progress(target.name)
            target.load(seconds)


def warm_up(targets: list[Target]) -> None:
    """One round that is forgotten: templates compiled, statements prepared, pools filled."""
    for target in targets:
        target.load(1)
        target.rounds.clear()
        target.cpu_ms.clear()


def ratio(ours: Target, baseline: Target) -> float:
    """The median of the rounds' ratios of requests a second."""
    return statistics.median(mine.rate / theirs.rate for mine, theirs in zip(ours.rounds, baseline.rounds, strict=True))


def spread(ours: Target, baseline: Target) -> str:
    """The least and the most that a round gave."""
    found = [mine.rate / theirs.rate for mine, theirs in zip(ours.rounds, baseline.rounds, strict=True)]
    return f"{min(found):.2f} to {max(found):.2f}"


def table(targets: Iterable[Target]) -> str:
    """A line a target: rate, latencies, CPU. Medians of the rounds; the worst of all; the least CPU."""
    lines = [f"{'':<34}{'requests/s':>11}{'p50 ms':>9}{'p99 ms':>9}{'worst ms':>10}{'CPU ms a request':>18}"]
    for one in targets:
        worst = max(each.worst_ms for each in one.rounds)
        figures = f"{one.median(lambda r: r.rate):>11,.0f}{one.median(lambda r: r.p50_ms):>9.1f}{one.median(lambda r: r.p99_ms):>9.1f}"
        lines.append(f"{one.name:<34}{figures}{worst:>10.0f}{one.cpu:>18.2f}")
    return "\n".join(lines)
