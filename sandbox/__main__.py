"""python -m sandbox [--port 12111] [--seed N] [--state FILE] [--forward-to URL --webhook-secret whsec_...]"""

import argparse
import os
import signal
import sys
import threading

from sandbox.instance import Sandbox


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for Stripe on loopback (SIMULATED).")
    parser.add_argument("--port", type=int, default=int(os.environ.get("SANDBOX_PORT", "12111")))
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--seed", type=int, help="the same seed gives the same ids")
    parser.add_argument("--state", help="SQLite file that keeps everything over restarts")
    parser.add_argument("--forward-to", help="address of the webhook, on loopback")
    parser.add_argument("--webhook-secret", default=os.environ.get("STRIPE_WEBHOOK_SECRET"), help="whsec_... that signs deliveries")
    parser.add_argument("--lenient", action="store_true", help="do not check requests and answers against the SDK")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    args = parse(argv)
    try:
        sandbox = Sandbox(
            seed=args.seed, state=args.state, forward_to=args.forward_to, strict=not args.lenient,
            webhook_secret=(args.webhook_secret or "").split(",")[0] or None, host=args.host, port=args.port,
        )  # fmt: skip
        sandbox.start()
    except (ValueError, OSError) as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 2
    print(f"sandbox (SIMULATED Stripe) on {sandbox.url}", flush=True)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    while not stop.wait(timeout=1.0):
        sandbox.tick()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
