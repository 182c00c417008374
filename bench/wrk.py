"""wrk: one round of load against one address, and what it saw."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

CONNECTIONS = 16
SCRIPT = Path(__file__).with_name("report.lua")


@dataclass(frozen=True)
class Round:
    """What wrk counted: latencies in milliseconds; ``refused`` answers of 4xx or 5xx, ``broken`` connections and time-outs."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    refused: int
    broken: int

    @property
    def rate(self) -> float:
        """Requests a second."""
        return (self.requests - self.refused) / self.seconds


def needed() -> str:
    """Where wrk is; ends the program with how to get it when it is nowhere."""
    found = shutil.which("wrk")
    if found is None:
        sys.exit("`make bench` needs wrk, the load generator: apt-get install wrk (Debian, Ubuntu), brew install wrk (macOS).")
    return found


def load(url: str, seconds: float, headers: dict[str, str] | None = None, posts: Path | None = None) -> Round:
    """Keep 16 connections busy for ``seconds`` (whole ones: wrk counts no others). ``posts``: prepared events instead of GETs."""
    sent = [part for name, value in (headers or {}).items() for part in ("-H", f"{name}: {value}")]
    command = [needed(), "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--timeout", "20s", *sent, "-s", str(SCRIPT), url]
    done = subprocess.run(
        [*command, "--", *([str(posts)] if posts else [])], capture_output=True, text=True, timeout=seconds + 60, check=False
    )
    return parse(done.stdout, done.stderr)


def parse(output: str, errors: str = "") -> Round:
    """The line that report.lua wrote. Raises RuntimeError with wrk's own words when there is none."""
    for line in output.splitlines():
        if line.startswith("RESULT "):
            return Round(**json.loads(line.removeprefix("RESULT ")))
    raise RuntimeError(f"wrk said nothing that can be read:\n{output}\n{errors}")
