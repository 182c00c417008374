"""Which web server? The same pages behind each, and whether one that is told to stop answers what is under way."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from time import monotonic, sleep

from bench import comparison, stage
from bench.comparison import Target
from bench.servers import COMMANDS, WORKERS, Server

UNDER_WAY = WORKERS  # as many as any of them takes up at once


def main(database: str, until: float) -> None:
    """Print rate, latency and CPU of each server, and how many requests under way it answered after SIGTERM."""
    rounds = 6
    with ExitStack() as stack:
        url = stack.enter_context(stage.database(database))
        values = stage.environment(url)
        cookies = stage.set_up(values)
        found = []
        for kind in COMMANDS:
            server = stack.enter_context(Server("app:create_app", values, kind))
            found.append(Target(f"a member's article, {kind}", server, f"/articles/{stage.SLUG}", {"Cookie": cookies[0]}))
            found.append(Target(f"webhook intake, {kind}", server, "/webhooks/stripe", posts=True))
        comparison.warm_up(found)
        comparison.interleave(found, rounds, max(1.0, (until - monotonic()) * 0.7 / rounds / len(found)), until, lambda _: None)
        print(comparison.table(sorted(found, key=lambda target: target.name)) + "\n")
        for kind in COMMANDS:
            print(f"{kind}: told to stop (SIGTERM), it answered {drained(kind, values)} of {UNDER_WAY} requests that were under way")


def drained(kind: str, values: dict[str, str]) -> int:
    """How many of the requests that it had begun a server answers after SIGTERM."""
    with Server("bench.bare.app:create_app", values, kind) as server, ThreadPoolExecutor(UNDER_WAY) as people:
        asked = [people.submit(_slow, server.url) for _ in range(UNDER_WAY)]
        sleep(0.4)
        server.process.terminate()
        return sum(each.result() for each in asked)


def _slow(url: str) -> bool:
    import urllib.request

    try:
        return urllib.request.urlopen(url + "/slow", timeout=10).read() == b"done\n"
    except OSError:
        return False
