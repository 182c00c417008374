"""Webhook bodies that nobody would send but somebody will: 100,000 unsigned, 10,000 signed and mutated (safety F5, W01, W09, W15).

Straight to the WSGI callable, so that the figure is reached in a minute. The seed is printed when something is found;
``FUZZ_SEED`` runs it again.
"""

import copy
import hashlib
import hmac
import io
import json
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe
from sqlalchemy import func, select, update

from kit import clock
from kit.database import db
from payments import journal, journal_jobs
from payments.models import StripeEvent
from payments.webhooks import HANDLERS
from sandbox.direct import Direct
from tests.conftest import ROOT, WEBHOOK_SECRET

UNSIGNED, SIGNED = 100_000, 10_000
SEED = int(os.environ.get("FUZZ_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
TYPES = ("invoice.paid", "charge.succeeded", "customer.subscription.updated", "checkout.session.completed", "refund.created", "x.y")
ODD: list[Any] = [
    None, True, -1, 0, 2**63, 2**64 + 1, 1e308, "", "\x00", "\ud800", "a" * 5000, [], {}, [[]], {"id": None}, "evt_1", "../..", "é" * 200,
]  # fmt: skip


def event(chance: random.Random) -> dict[str, Any]:
    number = chance.randrange(10**9)
    kind = chance.choice(TYPES)
    thing = {"id": f"in_{number % 50}", "object": "invoice", "customer": f"cus_{number % 7}", "lines": {"data": [{"amount": number}]}}
    return {
        "id": f"evt_{number}", "object": "event", "api_version": "2026-10-28.endive", "created": 1_790_000_000 + number % 1000, "livemode": False,
        "type": kind, "pending_webhooks": 1, "request": {"id": None, "idempotency_key": None}, "data": {"object": thing},
    }  # fmt: skip


def mutated(chance: random.Random) -> bytes:
    """An event with a few of its places deleted, swapped for something odd, or nested; or a body that is none."""
    found: Any = event(chance)
    for _ in range(chance.randrange(1, 4)):
        place = chance.choice(list(_places(found)))
        holder, key = place
        what = chance.randrange(4)
        if what == 0 and isinstance(holder, dict):
            del holder[key]
        elif what == 1:
            holder[key] = [holder[key]] * chance.randrange(1, 4)
        else:
            holder[key] = copy.deepcopy(chance.choice(ODD))
        if not found:
            break
    text = json.dumps(found)
    twist = chance.randrange(12)
    if twist == 0:
        text = text.replace("{", '{"id": "evt_twice", "id": "evt_again", ', 1)
    elif twist == 1:
        text = text.replace(": 1", ": NaN", 1).replace(": 0", ": 1e999", 1)
    elif twist == 2:
        text = chance.choice(["[]", "1", '"event"', "null", "[" * 20_000, '{"a":' * 5_000, "9" * 5_000, "", " ", "{"])
    elif twist == 3:
        text = "\ufeff" + text
    body = text.encode("utf-8", "surrogatepass")
    if twist == 4:
        body = bytes(byte ^ (1 << chance.randrange(8)) if chance.random() < 0.02 else byte for byte in body)
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(inside):
        yield value, key
        yield from _places(one)


def signature(body: bytes, at: int, secret: str = WEBHOOK_SECRET) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()


def unsigned_header(chance: random.Random, body: bytes) -> str | None:
    now = int(time.time())
    wrong = signature(body, now, "whsec_somebody_elses_secret")
    right_for_another = signature(body + b" ", now)
    return chance.choice([
        None, "", "t=,v1=", f"t={now}", f"t={now},v1=", f"t={now},v1={wrong}", f"t={now},v0={signature(body, now)}", f"t={now},v1={right_for_another}",
        f"t={now - 301},v1={signature(body, now - 301)}", f"t={now + 400},v1={signature(body, now + 400)}", f"v1={wrong},t={now}", "t=nan,v1=x",
        f"t={now},v1=\xe9\xff", "\x00", "," * 3000, f"t={2**70},v1={wrong}", f"t=-1,v1={wrong}", "".join(chr(chance.randrange(1, 256)) for _ in range(40)),
    ])  # fmt: skip


class Door:
    """The webhook's door, called as a server calls it."""

    def __init__(self, app: Any) -> None:
        self.app, self.answers = app, Counter[int]()

    def knock(self, body: bytes, header: str | None) -> int:
        environ: dict[str, Any] = {
            "REQUEST_METHOD": "POST", "SCRIPT_NAME": "", "PATH_INFO": "/webhooks/stripe", "QUERY_STRING": "", "SERVER_NAME": "localhost",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "HTTP_HOST": "localhost", "REMOTE_ADDR": "127.0.0.1", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)), "wsgi.version": (1, 0), "wsgi.url_scheme": "http", "wsgi.input": io.BytesIO(body),
            "wsgi.errors": io.StringIO(), "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
        }  # fmt: skip
        if header is not None:
            environ["HTTP_STRIPE_SIGNATURE"] = header
        said: list[str] = []
        answer = self.app.wsgi_app(environ, lambda status, _headers, _trouble=None: said.append(status))
        b"".join(answer)
        getattr(answer, "close", lambda: None)()
        status = int(said[0].split()[0])
        self.answers[status] += 1
        return status


@pytest.fixture
def door(app: Any) -> Door:
    return Door(app)


def rows() -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(StripeEvent)) or 0


@pytest.mark.slow
def test_unsigned(door: Door, database: str) -> None:
    """100,000 on SQLite; nothing reaches a database, so a tenth of them is enough on the other."""
    chance = random.Random(SEED)
    bodies = [mutated(chance) for _ in range(500)]
    wanted = UNSIGNED if database == "sqlite" else UNSIGNED // 10
    for number in range(wanted):
        body = bodies[number % 500] if number % 4 else mutated(chance)
        header = unsigned_header(chance, body)
        status = door.knock(body, header)
        assert status in (400, 413), f"seed {SEED}, number {number}: {status} for {header!r} and {body[:200]!r}"
    assert rows() == 0
    assert sum(door.answers.values()) == wanted


@pytest.fixture
def applied(app: Any, sandbox: Any, drain: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Counter[str]]:
    """``applied()``: the worker takes all that was kept, until nothing waits; how many are done, ignored, parked."""
    straight = stripe.StripeClient("sk_test_fuzz", base_addresses={"api": sandbox.url}, http_client=Direct(sandbox))
    monkeypatch.setitem(app.extensions, "stripe_client", straight)

    def apply() -> Counter[str]:
        for _ in range(journal.MOST_ATTEMPTS + 1):
            db.session.rollback()
            db.session.execute(update(StripeEvent).where(StripeEvent.state == "new").values(due_at=clock.now()))
            db.session.commit()
            while journal_jobs.pick_up():
                drain()  # raises what escapes a job
        states = Counter(db.session.scalars(select(StripeEvent.state)))
        db.session.rollback()
        assert sandbox.complaints == []
        return states

    return apply


@pytest.mark.slow
def test_signed_and_mutated(door: Door, applied: Any) -> None:
    """What is signed is Stripe's, however odd: kept, or refused by name; never an error of ours, neither here nor when it is applied."""
    chance = random.Random(SEED)
    for number in range(SIGNED):
        body, now = mutated(chance), int(time.time())
        status = door.knock(body, f"t={now},v1={signature(body, now)}")
        assert status in (200, 400), f"seed {SEED}, number {number}: {status} for {body[:300]!r}"
    assert door.answers[200] > SIGNED / 10, door.answers
    assert door.answers[400] > SIGNED / 10, door.answers
    assert 0 < rows() <= door.answers[200]
    states = applied()
    assert set(states) <= {"done", "ignored"}, f"seed {SEED}: {states}"  # of objects that Stripe does not have nothing follows
    assert min(states["done"], states["ignored"]) > SIGNED / 50, states


# Stripe's own samples, and the types under which an object of theirs comes to our handlers.
FIXTURES = ROOT.parent / "shared" / "stripe" / "fixtures.json"


def skewed() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every sample of Stripe's as an event: as it is, with a field too many, and without each of its fields or with null there."""
    for kind, sample in json.loads(FIXTURES.read_text())["resources"].items():
        told = next((name for name in HANDLERS if name.rpartition(".")[0] in (kind, f"customer.{kind}", f"charge.{kind}")), None)
        yield told or f"{kind}.updated", sample
        yield told or f"{kind}.updated", {**sample, "of_tomorrow": {"id": 1}}
        for field in sample if told else ():
            yield str(told), {name: value for name, value in sample.items() if name != field}
            yield str(told), {**sample, field: None}


@pytest.mark.skipif(not FIXTURES.is_file(), reason="Stripe's samples are not beside the checkout (shared/stripe/fixtures.json)")
def test_W09_stripes_samples_without_each_of_their_fields(door: Door, applied: Any) -> None:
    versions = ("2026-10-28.endive", "2020-08-27", "2031-01-01.zinnia", None)
    kinds = Counter[str]()
    for number, (kind, thing) in enumerate(skewed()):
        body = json.dumps({"id": f"evt_skewed_{number}", "object": "event", "type": kind, "created": 1_790_000_000, "livemode": False,
                           "api_version": versions[number % 4], "data": {"object": thing}}).encode()  # fmt: skip
        kinds[kind] += 1
        now = int(time.time())
        assert door.knock(body, f"t={now},v1={signature(body, now)}") == 200, (kind, thing)
    assert len([kind for kind in kinds if kind in HANDLERS]) >= 10, kinds
    assert rows() == sum(kinds.values()) == door.answers[200]
    states = applied()
    assert set(states) <= {"done", "ignored"}, states
    assert states["done"] > 500, states
