"""``make chaos``: histories with new seeds, controls that must be found, and KILLS processes killed on each database.

Where SECONDS_TO_RUN is given all of it ends about then; kills that were not done are said in the last lines.
"""

import os
import shutil
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from io import StringIO
from math import inf
from pathlib import Path

from app import create_app
from kit.database import db
from tests.conftest import POSTGRES, Databases, app_settings
from tests.crash.trial import trial
from tests.machine.running import run
from tests.machine.stage import Stage
from tests.mutants import mutated

AT_ONCE, STEPS = 25, 12
KILLS, KILLS_AT_ONCE = 150, 25
SECONDS = 600  # of which the histories take their share where no SECONDS_TO_RUN is given
CONTROLS = ("order-by-created", "last-event-wins")
MACHINES_SHARE = 0.45  # of the time


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class Chaos:
    """What passed and what failed, within the time that there is."""

    def __init__(self, seconds: float, kills_until: float = inf) -> None:
        """``seconds`` of which histories take their share; ``kills_until``: after so many seconds no round of kills begins."""
        self.began, self.seconds, self.kills_until = time.monotonic(), seconds, kills_until
        self.passed = self.failed = 0
        self.engines = ["sqlite", *(["postgresql"] if POSTGRES else [])]
        self.told = {engine: Counter[str]() for engine in self.engines}
        self.killed = dict.fromkeys(self.engines, 0)

    def spent(self) -> float:
        return time.monotonic() - self.began

    def count(self, good: bool) -> None:
        self.passed, self.failed = self.passed + good, self.failed + (not good)

    def histories(self, engine: str, until: float, seed: int) -> None:
        """At least one round of them."""
        with staged(engine) as stage:
            while True:
                error, told = quietly(stage, AT_ONCE, seed)
                self.told[engine] += told
                self.count(not error)
                say(f"{engine} seed {seed}: {told['histories']} histories, {told['steps']} steps, {told['events']} events" + error)
                seed += 1
                if self.spent() >= until:
                    return

    def controls(self) -> None:
        """Each fault must be found, or the figures above are worth nothing."""
        with staged("sqlite") as stage:
            for name in CONTROLS:
                with mutated(name):
                    error, told = quietly(stage, 200, 1)
                self.count(bool(error))
                say(f"control {name}: {'found' if error else 'NOT FOUND'} after {told['histories']} sound histories")

    def kills(self, seed: int) -> None:
        """KILLS on each database, in rounds; where a time is set, as far as it reaches, one round at least."""
        for number in range(KILLS // KILLS_AT_ONCE):
            for engine in self.engines:
                if number and self.spent() > self.kills_until:
                    continue
                report = trial(engine, kills=KILLS_AT_ONCE, seed=seed + number)
                self.killed[engine] += report.kills.total()
                say(str(report))
                for line in report.wrong[:40]:
                    say(f"  {line}")
                self.count(not report.wrong)

    def missing(self) -> list[str]:
        """A line for each database on which fewer were killed than a bound of 2 % takes."""
        return [
            f"FEWER KILLS THAN PROMISED: {done} of {KILLS} on {engine}. Give more SECONDS_TO_RUN, or none: then all are done"
            for engine, done in self.killed.items()
            if done < KILLS
        ]


def quietly(stage: Stage, histories: int, seed: int) -> tuple[str, Counter[str]]:
    """Run the machine; what was wrong in the words of its failure, or "", and what was done."""
    told, said = Counter[str](), StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            run(stage, histories, steps=STEPS, luck=seed, told=told)
    except AssertionError as error:
        return f"\n{error}\n" + "\n".join(getattr(error, "__notes__", [])), told
    return "", told


@contextmanager
def staged(engine: str) -> Iterator[Stage]:
    """A stage on a database of its own."""
    memory = Path("/dev/shm")  # noqa: S108 - where there is one, its syncs are free
    with tempfile.TemporaryDirectory(prefix="wellspring-chaos-", dir=memory if memory.is_dir() else None) as folder:
        databases = Databases(Path(folder), "chaos")
        url = databases.url(engine)
        if engine == "sqlite":
            shutil.copyfile(databases.folder / "template.db", databases.folder / "test.db")
        app = create_app(app_settings(url))
        stage = Stage(app, databases)
        try:
            yield stage
        finally:
            stage.close()
            with app.app_context():
                db.session.remove()
                db.engine.dispose()
            databases.drop()


def main() -> None:
    warnings.simplefilter("ignore")
    given, seed = os.environ.get("SECONDS_TO_RUN"), int(os.environ.get("SEED", str(int(time.time()))))
    seconds = float(given or SECONDS)
    chaos = Chaos(seconds, kills_until=seconds if given else inf)
    say(f"seed {seed}, {f'{seconds:.0f} seconds' if given else 'until all is done'}, on {' and '.join(chaos.engines)}")
    share = seconds * MACHINES_SHARE / len(chaos.engines)
    for number, engine in enumerate(chaos.engines, start=1):
        chaos.histories(engine, share * number, seed)
    chaos.controls()
    chaos.kills(seed)
    for engine, told in chaos.told.items():
        say(f"{engine}: {told['histories']} histories, {told['steps']} steps, {told['events']} events; " + acts(told))
    say("kill -9: " + ", ".join(f"{count} on {engine}" for engine, count in chaos.killed.items()))
    say(f"{chaos.spent():.0f} seconds")
    say(f"{chaos.passed} passed, {chaos.failed} failed")
    for line in chaos.missing():
        say(line)
    sys.exit(1 if chaos.failed else 0)


def acts(told: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(told.items()) if name not in ("histories", "steps", "events"))


if __name__ == "__main__":
    main()
