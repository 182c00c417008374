"""What readers notice of a flood of forged webhooks: with nothing in front of the application's server, and behind nginx as shipped.

A prober asks for a visitor's and a member's page at a fixed rate and counts each answer from when it was due, so that
what a slow answer keeps waiting is counted too; a round without the flood, a round with it, over and over.
"""

import http.client
import itertools
import ssl
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from bench import front, stage, wrk
from bench.front import Front
from bench.servers import WORKERS, Server
from kit.settings import database_url

POSTS_A_SECOND = 5000
CONNECTIONS = 600
WAITING = 400  # of them, behind nginx: so many it lets wait for their turn (deploy/nginx.conf), the rest make the rate
PAGES_A_SECOND = 40  # of each page; below what nginx lets one address have
THREADS = 8
SCRIPT = Path(__file__).with_name("flood.lua")


@dataclass
class Page:
    """One page, asked at a fixed rate from an address of its own; a list a round, of milliseconds from when each request was due."""

    name: str
    headers: dict[str, str]
    source: str
    calm: list[list[float]] = field(default_factory=list)
    flooded: list[list[float]] = field(default_factory=list)
    broken: int = 0

    def probe(self, connect: Callable[[str], http.client.HTTPConnection], seconds: float, rounds: list[list[float]]) -> None:
        """Ask until ``seconds`` are over, by eight threads that share one timetable; their lines are open before."""
        into: list[float] = []
        lines = [connect(self.source) for _ in range(THREADS)]
        for line in lines:
            line.connect()
        numbers, began = itertools.count(), time.monotonic()

        def ask(line: http.client.HTTPConnection) -> None:
            while (due := began + next(numbers) / PAGES_A_SECOND) < began + seconds:
                time.sleep(max(0.0, due - time.monotonic()))
                try:
                    line.request("GET", f"/articles/{stage.SLUG}", headers=self.headers)
                    answer = line.getresponse()
                    answer.read()
                    self.broken += answer.status != 200
                except (OSError, http.client.HTTPException):
                    self.broken += 1
                    line.close()
                into.append((time.monotonic() - due) * 1000)
            line.close()

        threads = [threading.Thread(target=ask, args=(line,)) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rounds.append(into)

    def ratios(self) -> list[float]:
        """The slowest hundredth's with the flood to that without, round by round."""
        return [centile(flooded, 99) / centile(calm, 99) for calm, flooded in zip(self.calm, self.flooded, strict=True)]


@dataclass
class Setup:
    """One way to reach the application, and what was seen by it."""

    name: str
    server: Server
    front: Front | None
    pages: list[Page]
    posts: list[wrk.Round] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.front.url if self.front else self.server.url

    def connect(self, source: str) -> http.client.HTTPConnection:
        if self.front is None:
            return http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=20, source_address=(source, 0))
        known = ssl.create_default_context(cafile=str(self.front.certificate))
        known.check_hostname = False  # it is asked by its address
        return http.client.HTTPSConnection("127.0.0.1", self.front.tls, timeout=20, source_address=(source, 0), context=known)

    def probe(self, seconds: float, flooded: bool) -> None:
        threads = [
            threading.Thread(target=page.probe, args=(self.connect, seconds, page.flooded if flooded else page.calm)) for page in self.pages
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def flood(self, seconds: float) -> None:
        """Forged posts, and beside them the pages; the first half second is for wrk to begin."""
        whole = max(2, round(seconds))
        words = [
            wrk.needed(),
            "-t1",
            f"-c{CONNECTIONS}",
            f"-d{whole}s",
            "--timeout",
            "20s",
            "-s",
            str(SCRIPT),
            f"{self.url}/webhooks/stripe",
        ]
        before, began = self.cpu_seconds(), time.monotonic()
        with subprocess.Popen(
            [*words, "--", str(CONNECTIONS - (WAITING if self.front else 0)), str(POSTS_A_SECOND)], stdout=subprocess.PIPE, text=True
        ) as process:
            time.sleep(0.5)
            self.probe(whole - 1.0, True)
            said, _ = process.communicate(timeout=60)
        self.posts.append(wrk.parse(said))
        self.cores.append((self.cpu_seconds() - before) / (time.monotonic() - began))

    def cpu_seconds(self) -> float:
        return self.server.cpu_seconds() + (self.front.cpu_seconds() if self.front else 0.0)


def rows(url: str) -> int:
    """All rows of all our tables."""
    engine = sa.create_engine(database_url(url))
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        found = sum(connection.exec_driver_sql(f'select count(*) from "{name}"').scalar_one() for name in names)
    engine.dispose()
    return found


def main(database: str, until: float) -> None:
    """Print what the pages' slowest answers do, the rate that was reached, the CPU and the rows written."""
    with ExitStack() as stack:
        url = stack.enter_context(stage.database(database))
        values = {**stage.environment(url), "PROXY_HOPS": "1"}
        cookies = stage.set_up(values)
        server = stack.enter_context(Server("app:create_app", values))
        setups = [Setup("granian alone", server, None, pages(cookies[0]))]
        if not front.missing():
            setups.append(Setup("behind nginx", server, stack.enter_context(Front(server.port)), pages(cookies[0])))
        before = rows(url)
        for setup in setups:
            setup.probe(1, False)
            for page in setup.pages:
                page.calm.clear()
        seconds = max(2.0, min(5.0, (until - time.monotonic()) / 2 / 2 / len(setups)))
        began = time.monotonic()
        for number in itertools.count():
            for setup in setups if number % 2 == 0 else reversed(setups):
                setup.probe(seconds - 1, False)
                setup.flood(seconds)
            if time.monotonic() + (time.monotonic() - began) / (number + 1) > until:
                break
        report(database, setups, rows(url) - before)


def pages(cookie: str) -> list[Page]:
    return [Page("a visitor's page", {}, "127.0.0.2"), Page("a member's page", {"Cookie": cookie}, "127.0.0.3")]


def centile(found: list[float], hundredth: int) -> float:
    return statistics.quantiles(found, n=100, method="inclusive")[hundredth - 1]


def report(database: str, setups: list[Setup], written: int) -> None:
    print(
        f"{database}, granian with {WORKERS} workers, wrk and prober on the same machine. Forged posts of 3 kB, aimed at {POSTS_A_SECOND:,} a second"
    )
    print(
        f"over {CONNECTIONS} lines; {PAGES_A_SECOND} requests a second for each page, counted from when they were due.\n{len(setups[0].posts)} interleaved rounds; medians of the rounds, in milliseconds.\n"
    )
    print(f"{'':<34}{'p50 calm':>10}{'flooded':>10}{'p99 calm':>11}{'flooded':>10}{'ratio':>8}{'least and most':>17}{'broken':>8}")
    for setup in setups:
        for page in setup.pages:
            halves = [statistics.median(statistics.median(each) for each in rounds) for rounds in (page.calm, page.flooded)]
            worst = [statistics.median(centile(each, 99) for each in rounds) for rounds in (page.calm, page.flooded)]
            ratios = page.ratios()
            spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
            figures = f"{halves[0]:>10.1f}{halves[1]:>10.1f}{worst[0]:>11.1f}{worst[1]:>10.1f}{statistics.median(ratios):>8.2f}"
            print(f"{page.name + ', ' + setup.name:<34}{figures}{spread:>17}{page.broken:>8}")
    print()
    for setup in setups:
        reached = sum(each.requests for each in setup.posts) / sum(each.seconds for each in setup.posts)
        served = [each.requests - each.refused for each in setup.posts]
        print(
            f"{setup.name}: {reached:,.0f} forged posts a second, {sum(served)} answered 2xx, {statistics.median(setup.cores):.2f} cores of ours"
        )
        if setup.front is not None:
            log = setup.front.log().splitlines()
            posts = [line for line in log if '"POST /webhooks/stripe"' in line]
            print(f"  nginx turned away {sum(chr(34) + ' 429 ' in line for line in posts) / max(1, len(posts)):.0%} of them with 429")
    print(f"rows written: {written}")
    if len(setups) == 1:
        print(f"Not compared with nginx in front: {front.missing()} is not installed.")
