"""Servers on loopback, each with its own process group, and what they cost: CPU time from /proc of the whole tree."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
WORKERS = 2
TICKS = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100

# How each can be started, for one application factory. The first is the one that we ship (deploy/).
COMMANDS = {
    "granian": "granian --interface wsgi --factory {app} --host 127.0.0.1 --port {port} --workers {workers} --blocking-threads 1 --no-log --workers-kill-timeout 5",
    "gunicorn-sync": "gunicorn {app}() --bind 127.0.0.1:{port} --workers {workers} --log-level error",
    "gunicorn-gthread": "gunicorn {app}() --bind 127.0.0.1:{port} --workers {workers} --threads 4 --log-level error",
}


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running web server; a context manager that stops it. ``app`` is module:factory."""

    def __init__(self, app: str, environment: dict[str, str], kind: str = "granian", workers: int = WORKERS, port: int = 0) -> None:
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        words = [word.format(app=app, port=self.port, workers=workers) for word in COMMANDS[kind].split()]
        self.process = subprocess.Popen(
            [str(BIN / words[0]), *words[1:]], cwd=ROOT, env={**os.environ, **environment}, start_new_session=True
        )

    def __enter__(self) -> "Server":
        end = time.monotonic() + 60
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(self.url + "/healthz", timeout=2).close()
                return self
            except urllib.error.HTTPError:
                return self  # it answers; the bare application has no such page
            except OSError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"{self.process.args} did not answer within a minute")

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        stop_group(self.process)

    def cpu_seconds(self) -> float:
        """User and system time of the server and its workers so far, in seconds."""
        return used(tree(self.process.pid))


def stop_group(process: subprocess.Popen[bytes]) -> None:
    """Ask, wait, insist: the whole group that we started (``start_new_session``), and nothing else."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=10)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def tree(root: int) -> list[int]:
    """A process and all that descend from it, as /proc has them now."""
    parents: dict[int, list[int]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                parents.setdefault(int(_stat(int(folder.name))[1]), []).append(int(folder.name))
    found = [root]
    for pid in found:
        found += parents.get(pid, [])
    return found


def used(pids: list[int]) -> float:
    """User and system time of these processes so far, in seconds."""
    return sum(_times(pid) for pid in pids) / TICKS


def _stat(pid: int) -> list[str]:
    """The fields after the command's name, which may hold spaces: state, parent, ..."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _times(pid: int) -> int:
    try:
        fields = _stat(pid)
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])
