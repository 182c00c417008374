"""``python -m tests.crash --kills N --seed S --database X``: the same trials by hand, as long as you like."""

import argparse
import os
import sys
import time

from tests.crash.broken import MUTANTS
from tests.crash.trial import trial


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    parse = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parse.add_argument("--kills", type=int, default=25, help="kills a trial")
    parse.add_argument("--seed", type=int, default=None, help="of the first trial; the next has the next one")
    parse.add_argument("--database", choices=["sqlite", "postgresql", "all"], default="sqlite")
    parse.add_argument("--broken", choices=list(MUTANTS), default="", help="an application with this fault: the trial must find it")
    asked = parse.parse_args()
    seed = int(time.time()) if asked.seed is None else asked.seed
    end = time.monotonic() + float(os.environ.get("SECONDS_TO_RUN", "0"))
    passed = failed = 0
    while True:
        for engine in ("sqlite", "postgresql") if asked.database == "all" else (asked.database,):
            report = trial(engine, kills=asked.kills, seed=seed, mutant=asked.broken)
            say(str(report))
            for line in report.wrong[:40]:
                say(f"  {line}")
            good = bool(report.wrong) == bool(asked.broken)
            passed, failed = passed + good, failed + (not good)
        seed += 1
        if time.monotonic() >= end:
            break
    say(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
