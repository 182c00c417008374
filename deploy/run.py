"""`make run`: everything on one machine, for trying it out.

Migrates, loads the demo publication into an empty database, starts the sandbox for Stripe, the worker and the web
server, prints where to go, and stops all of it on Ctrl-C with exit 0. Where STRIPE_API_BASE is set (in the environment
or in .env: https://api.stripe.com, with a test key of yours), the sandbox stays out of it.
"""

import atexit
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from environs import Env  # noqa: E402

from kit.settings import SANDBOX_WEBHOOK_SECRET  # noqa: E402

Env().read_env(str(ROOT / ".env"), recurse=False)  # what is in the environment wins

PORT = os.environ.get("PORT", "8000")
SANDBOX_PORT = os.environ.get("SANDBOX_PORT", "12111")
PUBLIC_URL = os.environ.get("PUBLIC_URL", f"http://127.0.0.1:{PORT}")
BIN = Path(sys.executable).parent


def environment() -> dict[str, str]:
    """What each part is started with."""
    sandbox = f"http://127.0.0.1:{SANDBOX_PORT}"
    return {
        **os.environ,
        "APP_ENV": "development",
        "PORT": PORT,
        "PUBLIC_URL": PUBLIC_URL,
        "STRIPE_API_BASE": os.environ.get("STRIPE_API_BASE") or sandbox,  # left empty, as in .env.example: ours
        "PYTHONUNBUFFERED": "1",
    }


def once(title: str, *command: str) -> None:
    """Run a step to its end; a failure ends the whole run with its own words."""
    print(f"  {title} ...", flush=True)
    if subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode:
        sys.exit(f"`{' '.join(command)}` failed: see above.")


def start(*command: str) -> subprocess.Popen[bytes]:
    """Start a part in a process group of its own, so that Ctrl-C reaches us first and we stop the parts in order."""
    return subprocess.Popen(command, cwd=ROOT, env=environment(), start_new_session=True)


def answers(url: str, parts: list[subprocess.Popen[bytes]], seconds: float = 40) -> None:
    """Wait until ``url`` answers at all; end the run if a part died meanwhile."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if any(part.poll() is not None for part in parts):
            stop(parts)
            sys.exit("A part of Wellspring stopped while starting: see above. Is the port taken? PORT and SANDBOX_PORT move it.")
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    stop(parts)
    sys.exit(f"{url} did not answer within {seconds:.0f} seconds.")


def stop(parts: list[subprocess.Popen[bytes]]) -> None:
    """Ask each part to finish, last started first; insist after a while."""
    for part in reversed(parts):
        if part.poll() is None:
            part.send_signal(signal.SIGTERM)
    for part in reversed(parts):
        try:
            part.wait(timeout=15)
        except subprocess.TimeoutExpired:
            part.kill()


def take_the_terminal() -> None:
    """On a terminal, be the group that Ctrl-C reaches: make, which would end with an error of its own, hears nothing of it."""
    if not sys.stdin.isatty():
        return
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    if os.getpgid(0) != os.getpid():
        ours = os.tcgetpgrp(0)
        os.setpgid(0, 0)
        os.tcsetpgrp(0, os.getpid())
        atexit.register(os.tcsetpgrp, 0, ours)


def accounts() -> str:
    """Who may sign in, as the demo made them."""
    from demo.publication import DEMO_ACCOUNTS, DEMO_PASSWORD

    width = max(len(account.email) for account in DEMO_ACCOUNTS)
    lines = [f"    {account.email:<{width}}  {account.what}" for account in DEMO_ACCOUNTS]
    simulated = "  The readers are simulated: their cards and invoices are not at the stand-in. To pay or to leave, sign up as a new one."
    return "\n".join([f"  Demo accounts (password for all: {DEMO_PASSWORD})", *lines, simulated])


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever starts us in the background has it ignored
    take_the_terminal()
    flask = (sys.executable, "-m", "flask", "--app", "app")
    parts: list[subprocess.Popen[bytes]] = []
    (ROOT / "instance").mkdir(exist_ok=True)
    print("Wellspring is getting ready:", flush=True)
    once("database", *flask, "db", "upgrade")
    once(
        "demo publication (when the database is empty)",
        *flask,
        "demo",
        "load",
        "--if-empty",
        "--readers",
        os.environ.get("DEMO_READERS", "3000"),
    )
    ours = not os.environ.get("STRIPE_API_BASE")
    try:
        if ours:
            state = os.environ.get("SANDBOX_STATE", str(ROOT / "instance" / "sandbox.db"))
            hook = f"http://127.0.0.1:{PORT}/webhooks/stripe"
            parts.append(
                start(
                    *(sys.executable, "-m", "sandbox", "--port", SANDBOX_PORT, "--state", state),
                    *("--forward-to", hook, "--webhook-secret", SANDBOX_WEBHOOK_SECRET),
                )
            )
            answers(f"http://127.0.0.1:{SANDBOX_PORT}/", parts)
            once("plans at Stripe (the sandbox)", *flask, "stripe", "plans", "sync")
        parts.append(start(*flask, "worker"))
        parts.append(
            start(
                *(str(BIN / "granian"), "--interface", "wsgi", "--factory", "app:create_app", "--host", "127.0.0.1", "--port", PORT),
                *("--workers", os.environ.get("WEB_CONCURRENCY", "2"), "--blocking-threads", "1", "--no-log"),
                *("--workers-kill-timeout", "10"),  # else it waits for ever for a worker that was told to stop while it started
                "--respawn-failed-workers",  # else the end of one worker, killed for memory say, ends the whole site
            )
        )
        answers(f"http://127.0.0.1:{PORT}/healthz", parts)
        print(f"\n  Wellspring runs at {PUBLIC_URL}\n  Mail it would send: {PUBLIC_URL}/_dev/mailbox", flush=True)
        if ours:
            print(f"  Stripe's stand-in (SIMULATED): http://127.0.0.1:{SANDBOX_PORT}", flush=True)
        if ours and SANDBOX_PORT != "12111":
            print(f"  Commands beside it: SANDBOX_PORT={SANDBOX_PORT} flask --app app ...", flush=True)
        print(f"\n{accounts()}\n\n  Ctrl-C stops it.", flush=True)
        while all(part.poll() is None for part in parts):
            time.sleep(0.5)
        print("A part of Wellspring stopped: see above.", file=sys.stderr)
        stop(parts)
        sys.exit(1)
    except (KeyboardInterrupt, SystemExit) as end:
        print("\nStopping ...", flush=True)
        stop(parts)
        sys.exit(end.code if isinstance(end, SystemExit) and end.code else 0)


if __name__ == "__main__":
    main()
