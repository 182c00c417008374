"""``python -m bench [--database sqlite|postgresql] [--reads core|orm|driver] [--only FIGURE] [--servers] [--flood]``; SECONDS_TO_RUN bounds it (default 75)."""

import argparse
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from bench import choice, comparison, flood, stage, wrk
from bench.comparison import Target
from bench.servers import COMMANDS, WORKERS, Server

SHARE_OF_LOAD = 0.8  # of the time that is left; the rest is for signing events and starting wrk
FIGURES = ("member-page", "preview", "webhook-intake")
BASELINE = {
    "core": "SQLAlchemy's connections and statements built once, as in our own hot paths",
    "orm": "a SQLAlchemy ORM Session, as most Flask applications read",
    "driver": "the driver alone and SQL as text",
}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--reads", choices=list(BASELINE), default="core", help="how the baseline reads")
    parser.add_argument("--server", choices=list(COMMANDS), default="granian", help="the web server, for both")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", choices=FIGURES, help="one figure, measured for the whole time")
    parser.add_argument("--servers", action="store_true", help="compare web servers instead")
    parser.add_argument("--flood", action="store_true", help="what readers notice of forged webhooks instead")
    return parser.parse_args()


@contextmanager
def progress(steps: int) -> Generator[Callable[[str], None]]:
    """A bar on a terminal; elsewhere nothing is printed before the end."""
    with Progress(
        TextColumn("{task.description:<36}"), BarColumn(), TimeElapsedColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task("staging", total=steps)
        seen: list[str] = []

        def step(name: str) -> None:
            bar.update(task, description=name, completed=len(seen))
            seen.append(name)

        yield step


def targets(ours: Server, bare: Server, cookies: tuple[str, str]) -> list[Target]:
    """Each of ours after its baseline."""
    page = f"/articles/{stage.SLUG}"
    return [
        Target("bare: the member's page", bare, page, {"Cookie": cookies[1]}),
        Target("a member's article", ours, page, {"Cookie": cookies[0]}),
        Target("bare: the preview", bare, page),
        Target("a visitor's preview", ours, page),
        Target("bare: one durable insert", bare, "/webhook", posts=True),
        Target("webhook intake", ours, "/webhooks/stripe", posts=True),
    ]


def fetched(url: str, cookie: str) -> bytes:
    request = urllib.request.Request(url, headers={"Cookie": cookie} if cookie else {})
    return urllib.request.urlopen(request, timeout=10).read()


def frames(ours: Server, bare: Server, cookies: tuple[str, str]) -> str:
    """How many bytes the baseline must add around its texts to send as many as we do."""
    page = f"/articles/{stage.SLUG}"
    full = len(fetched(ours.url + page, cookies[0])) - len(fetched(bare.url + page, cookies[1]))
    return f"{full},{len(fetched(ours.url + page, '')) - len(fetched(bare.url + page, ''))}"


def main() -> None:
    began, chosen, limit = time.monotonic(), options(), float(os.environ.get("SECONDS_TO_RUN", "75"))
    until = began + limit
    wrk.needed()
    if chosen.servers:
        choice.main(chosen.database, until)
        return
    if chosen.flood:
        flood.main(chosen.database, until)
        return
    with ExitStack() as stack:
        url = stack.enter_context(stage.database(chosen.database))
        values = stage.environment(url)
        cookies = stage.set_up(values)
        ours = stack.enter_context(Server("app:create_app", values, chosen.server))
        plain = {**values, "BENCH_READS": chosen.reads}
        with Server("bench.bare.app:create_app", plain, chosen.server) as trial:
            plain["BENCH_FRAMES"] = frames(ours, trial, cookies)
        bare = stack.enter_context(Server("bench.bare.app:create_app", plain, chosen.server))
        sizes = [len(fetched(f"{ours.url}/articles/{stage.SLUG}", cookie)) for cookie in (cookies[0], "")]
        found = targets(ours, bare, cookies)
        if chosen.only:
            place = 2 * FIGURES.index(chosen.only)
            found = found[place : place + 2]
        with progress(chosen.rounds * len(found)) as step:
            comparison.warm_up(found)
            seconds = max(1.0, (until - time.monotonic()) * SHARE_OF_LOAD / chosen.rounds / len(found))
            comparison.interleave(found, chosen.rounds, seconds, until, step)
    report(chosen, found, sizes, seconds)


def report(chosen: argparse.Namespace, found: list[Target], sizes: list[int], seconds: float) -> None:
    durable = "synchronous=FULL" if chosen.database == "sqlite" else "fsync on, synchronous_commit on"
    print(
        f"{chosen.database}, {chosen.server} with {WORKERS} workers for both sides; wrk with {wrk.CONNECTIONS} connections on the same machine,"
    )
    print(
        f"{len(found[0].rounds)} interleaved rounds of {round(seconds)} s each, production settings. Medians; CPU of the server's processes only."
    )
    print(f"\nThe baseline reads the same rows in as many statements by {BASELINE[chosen.reads]},")
    print(
        f"and sends pages of the same {sizes[0]:,} (full) and {sizes[1]:,} bytes (preview) through Jinja, with Flask's signed session and no more."
    )
    print(f"Its intake checks the signature, parses the JSON and commits the same row, with as many indexes, by the driver ({durable}).")
    print("Ours commits that row, which is also the queue, on the same database with the same durability; no worker runs.\n")
    print(comparison.table(found) + "\n")
    names = (chosen.only,) if chosen.only else FIGURES
    pairs = {name: found[2 * place : 2 * place + 2] for place, name in enumerate(names)}
    for name, (baseline, ours) in pairs.items():
        print(f"{name}: rounds between {comparison.spread(ours, baseline)}; CPU {ours.cpu / baseline.cpu:.2f} times the baseline's")
    for name, (baseline, ours) in pairs.items():
        print(f"ratio {name} {comparison.ratio(ours, baseline):.2f}")


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
