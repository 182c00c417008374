"""python -m sandbox.check: the Stripe CLI's own scenarios against the sandbox.

`stripe trigger EVENT` walks through calls that Stripe wrote. A trigger passes when
the CLI is content and the event is then in the sandbox's feed.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import typing
from pathlib import Path

import stripe

from sandbox.instance import Sandbox

PINNED = "@stripe/cli@1.52.0"
CACHE = Path.home() / ".cache" / "wellspring" / "stripe-cli"

# So many of this CLI's 123 triggers pass at least, when all are run (91 do). Were it not asked for, a help text that lists
# fewer, or one more line in OUTSIDE, would go unseen.
LEAST = 90

# Triggers outside this product, with the reason. Everything else has to pass.
OUTSIDE = {
    r"account\.": "Connect: other people's accounts",
    r"issuing_": "Issuing: making cards",
    r"identity\.": "Identity: passport checks",
    r"transfer\.": "Connect: money to other people's accounts",
    r"(cash_balance|customer_cash_balance|payment_intent\.partially_funded)": "bank transfers into a cash balance",
    r"quote\.": "quotes",
    r"reporting\.": "Stripe's report runs",
    r"v1\.billing\.meter": "metered billing",
    r"subscription_schedule\.aborted": "the scenario cancels; Stripe documents aborted for delinquency",
    r"subscription_schedule\.expiring": "the scenario stops 9 days before the end, the documented warning comes 7 days before",
}


def find_cli() -> Path | None:
    """The CLI named by STRIPE_CLI, or installed by npm here or in the user's cache."""
    named = os.environ.get("STRIPE_CLI")
    root = Path(__file__).parent.parent
    places = [Path(named)] if named else []
    places += [base / "node_modules" / ".bin" / "stripe" for base in (root, CACHE)]
    return next((place for place in places if place.exists()), None)


def install_cli() -> Path | None:
    """Fetch the pinned CLI into the user's cache; None when there is no npm."""
    npm = shutil.which("npm")
    if npm is None:
        return None
    CACHE.mkdir(parents=True, exist_ok=True)
    subprocess.run([npm, "install", "--silent", "--prefix", str(CACHE), PINNED], check=True, stdout=subprocess.DEVNULL)
    return find_cli()


def run(cli: Path, *words: str, home: str) -> subprocess.CompletedProcess:
    env = os.environ | {"HOME": home, "STRIPE_CLI_TELEMETRY_OPTOUT": "1", "STRIPE_API_KEY": "sk_test_sandboxcheck0000000000"}
    return subprocess.run([str(cli), *words], env=env, capture_output=True, text=True, timeout=60, check=False)


def triggers(cli: Path, home: str) -> list[str]:
    """The events that this CLI can trigger, from its own help."""
    text = run(cli, "trigger", "--help", home=home).stdout
    listed = text.partition("Supported events:")[2].partition("Usage:")[0]
    return listed.split()


def outside(event: str) -> str | None:
    return next((why for pattern, why in OUTSIDE.items() if re.match(pattern, event)), None)


def event_types() -> set[str]:
    """The types that the SDK's Event class names."""
    from sandbox import shapes

    return set(typing.get_args(shapes.fields(stripe.Event)["type"]))


def attempt(sandbox: Sandbox, cli: Path, event: str, home: str) -> str | None:
    """Run one trigger; None when it passed, else what was wrong."""
    before = len(sandbox.events())
    answer = run(cli, "trigger", event, "--api-base", sandbox.url, home=home)
    if answer.returncode:
        told = answer.stdout + answer.stderr
        message = re.search(r'"message": "((?:[^"\\]|\\.)*)"', told)
        return message[1] if message else " ".join(told.split())[-300:]
    sandbox.advance(5)  # bank debits clear after a moment
    if sandbox.complaints:
        return sandbox.complaints[0]
    said = {e["type"] for e in sandbox.events()[before:]}
    # Some triggers are names of stories, not of event types (subscription.payment_failed).
    if event in event_types() and event not in said:
        return "the event was not emitted"
    return undelivered(sandbox)


def undelivered(sandbox: Sandbox) -> str | None:
    """What the application, if one listens, did not take."""
    if not sandbox.world.delivery.forward_to:
        sandbox.take_deliveries()
        return None
    sandbox.world.delivery.send_due(everything=True)
    left = [d for d in sandbox.world.store.all("_delivery") if d["attempts"]]
    return f"{len(left)} events were not taken: {left[0]['last_error']}" if left else None


def code(passed: int, failed: int, *, everything: bool) -> int:
    """The exit code: 1 if one failed, or if of all of them fewer than LEAST passed."""
    few = everything and passed < LEAST
    if few:
        print(f"sandbox-check: only {passed} passed, {LEAST} have to", file=sys.stderr)
    return 1 if failed or few else 0


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.check", description=__doc__)
    parser.add_argument("events", nargs="*", help="triggers to run (default: all that touch the surface)")
    parser.add_argument("--port", type=int, default=0, help="where the sandbox listens (default: any free port)")
    parser.add_argument("--forward-to", help="webhook of a running application, which has to take every event")
    parser.add_argument("--webhook-secret", default="whsec_sandboxcheck", help="signs what is forwarded")
    args = parser.parse_args(argv)
    cli = find_cli() or install_cli()
    if cli is None:
        print("sandbox-check: no Stripe CLI and no npm to fetch it; set STRIPE_CLI", file=sys.stderr)
        return 2
    passed = failed = 0
    stand_in = Sandbox(seed=1, port=args.port, forward_to=args.forward_to, webhook_secret=args.webhook_secret)
    with tempfile.TemporaryDirectory() as home, stand_in as sandbox:
        for event in args.events or triggers(cli, home):
            why_not = outside(event)
            if why_not and not args.events:
                print(f"outside  {event}  ({why_not})")
                continue
            problem = attempt(sandbox, cli, event, home)
            print(f"{'FAILED ' if problem else 'passed '}  {event}" + (f"  {problem}" if problem else ""), flush=True)
            failed, passed = failed + bool(problem), passed + (not problem)
    print(f"{passed} passed, {failed} failed")
    return code(passed, failed, everything=not args.events)


if __name__ == "__main__":
    sys.exit(main())
