"""A storm for test_faults: people who wish for things while three of ten calls to Stripe fail, and what is left of it.

Seeded: wishes, faults and answers are the same in each run of a seed. Nothing is really waited for.
"""

import random
from collections import Counter
from datetime import timedelta
from typing import Any

import stripe
from sqlalchemy import select, update

from kit import clock
from kit.database import db
from payments import call_jobs, journal_jobs, monthly_links, pacing, reconciliation, resolutions
from payments.domain.reconciliation import Report
from payments.gateway import line
from payments.models import CheckoutIntent, Contribution, Customer, Gift, LedgerEntry, OutgoingCall, RefundIntent, StripeEvent, Subscription
from sandbox.direct import Direct
from tests.payments.readers import back

# Of ten calls three fail: too many requests, a fault, no answer, a line that breaks before and after it was done.
FAULTS = {"status": {"429": 0.06, "500": 0.07}, "timeout": {"rate": 0.06, "seconds": 0}, "reset": 0.06, "reset-after-commit": 0.09}
PRESSES = 3  # how often somebody presses the same button before she goes away


WISHES = {
    "subscribe": 6, "contribute": 5, "give": 3, "cancel": 4, "undo": 3, "refund": 4, "end_monthly": 3, "change": 6, "pause": 3, "go_on": 2, "look": 2,
}  # fmt: skip
KINDS = ("429", "500", "timeout", "reset", "reset-after-commit")


def _wish(params: dict[str, Any]) -> str:
    """Whose wish a call is, by what we put on it; "" where it says none (a call that was cut off before it was read)."""
    metadata = params.get("metadata") or {}
    return params.get("client_reference_id") or metadata.get("refund") or metadata.get("account") or ""


class Storm:
    """``people`` are signed-in browsers by account; ``begin``, ``wish`` often, ``calm``, then ``wrongs`` says what is wrong."""

    def __init__(self, seed: int, app: Any, visit: Any, sandbox: Any, deliver: Any, drain: Any, monkeypatch: Any) -> None:
        self.seed, self.random = seed, random.Random(seed)
        self.app, self.visit, self.sandbox, self.deliver, self.drain, self.monkeypatch = app, visit, sandbox, deliver, drain, monkeypatch
        self.wished: Counter[str] = Counter()
        self.answers: Counter[int] = Counter()
        self.people: dict[int, Any] = {}
        self.guests: list[str] = []
        self.desk: Any = None

    def begin(self, accounts: list[Any], desk: Any) -> None:
        """Everybody is signed in; from now on calls fail."""
        self.people = {account.id: self.visit(account) for account in accounts}
        self.desk = self.visit(desk)
        self._without_waiting()
        self.begun = len(self.sandbox.requests)
        self.sandbox.faults(**FAULTS, seed=self.seed)

    def _without_waiting(self) -> None:
        client = stripe.StripeClient(
            "sk_test_storm",
            stripe_version=line.API_VERSION,
            base_addresses={"api": self.sandbox.url},
            max_network_retries=0,
            http_client=Direct(self.sandbox),
        )
        for name in ("stripe_client", "stripe_client_web"):
            self.monkeypatch.setitem(self.app.extensions, name, client)
        self.monkeypatch.setitem(self.app.extensions, "stripe_breaker", pacing.Breaker(most=10**9))
        self.monkeypatch.setattr(line, "FIRST_PAUSE", 0.0005)
        self.monkeypatch.setattr(line, "WEB_PATIENCE", 0.001)
        self.monkeypatch.setattr(line, "PATIENCE", 0.01)
        self.monkeypatch.setattr(resolutions, "PAUSE", timedelta(0))
        self.monkeypatch.setattr(resolutions, "DESERTED", timedelta(0))

    # --- wishing --------------------------------------------------------------------------------------------------------

    def wish(self) -> None:
        """One wish of somebody's, pressed until it is heard or she is tired of it."""
        kind = self.random.choices(tuple(WISHES), tuple(WISHES.values()))[0]
        self.wished[kind] += 1
        getattr(self, kind)()
        db.session.rollback()

    def subscribe(self) -> None:
        _, browser = self._somebody()
        for _ in range(PRESSES):
            page = self._post(browser, "/subscribe/checkout", {"plan": self.random.choice(("reader-monthly", "reader-yearly"))})
            if page.status == 303 and "/pages/checkout/" in page.headers["Location"]:
                if self.random.random() < 0.85:
                    self._return(browser, self._pay(page.headers["Location"]))
                return

    def contribute(self) -> None:
        browser, number = self.visit(), len(self.guests)
        frequency = self.random.choice(("once", "month"))
        self.guests.append(f"guest{number}@guest.example")
        browser.get("/contribute")
        form = browser.page.form("/contribute/checkout")
        fields = {**form.fields, "suggested": "", "amount": f"{10 + number}", "frequency": frequency, "email": self.guests[-1]}
        for _ in range(PRESSES):
            page = self._post(browser, "/contribute/checkout", fields)
            if page.status == 303 and "/pages/checkout/" in page.headers["Location"]:
                if self.random.random() < 0.9:
                    self._return(browser, self._pay(page.headers["Location"]))
                return

    def give(self) -> None:
        browser, number = self.visit(), len(self.guests)
        self.guests.append(f"guest{number}@guest.example")
        browser.get("/gift")
        people = {"email": self.guests[-1], "name": "Gus", "recipient_email": f"rita{number}@reader.example", "recipient_name": "Rita"}
        fields = {**browser.page.form("/gift/checkout").fields, "offer": "reader-3", "message": "", **people}
        for _ in range(PRESSES):
            page = self._post(browser, "/gift/checkout", fields)
            if page.status == 303 and "/pages/checkout/" in page.headers["Location"]:
                if self.random.random() < 0.9:
                    self._return(browser, self._pay(page.headers["Location"]))
                return

    def change(self) -> None:
        """Another plan than hers, up or down, at what the page shows; sometimes she takes back a change that waits."""
        browser = self._subscriber()
        pages = [self._get(browser, "/account/plan") for _ in range(PRESSES)] if browser else []
        forms = [form for page in pages for form in page.forms() if form.action.startswith("/account/plan")]
        if forms:
            chosen = self.random.choice(forms)
            self._until_heard(browser, chosen.action, chosen.fields)

    def pause(self) -> None:
        if browser := self._subscriber():
            self._until_heard(browser, "/account/pause", {"months": "1"})

    def go_on(self) -> None:
        if browser := self._subscriber():
            self._until_heard(browser, "/account/pause/resume", {})

    def _subscriber(self) -> Any:
        """The browser of one who subscribes by now; None while nobody does."""
        going = select(Customer.account_id).join(Subscription, Subscription.customer_id == Customer.id)
        going = going.where(Subscription.purpose == "subscription", Subscription.status == "active", Customer.account_id.is_not(None))
        theirs = sorted(set(db.session.scalars(going)) & set(self.people))
        db.session.rollback()
        return self.people[self.random.choice(theirs)] if theirs else None

    def cancel(self) -> None:
        _, browser = self._somebody()
        self._until_heard(browser, "/account/cancel", {"reason": "unused", "comment": ""})

    def undo(self) -> None:
        _, browser = self._somebody()
        self._until_heard(browser, "/account/cancel/undo", {})

    def refund(self) -> None:
        given = list(db.session.scalars(select(Contribution).where(Contribution.status.in_(("paid", "active"))).order_by(Contribution.id)))
        if not given:
            return
        path = f"/admin/contributions/{self.random.choice(given).public_id}"
        db.session.rollback()
        page = self._get(self.desk, path)
        forms = [form for form in page.forms() if form.action == f"{path}/refund"]
        if forms:
            self._until_heard(self.desk, forms[0].action, {**forms[0].fields, "amount": "1.00"})

    def end_monthly(self) -> None:
        running = list(db.session.scalars(select(Contribution).where(Contribution.status == "active").order_by(Contribution.id)))
        if running:
            token = monthly_links.token_for(self.random.choice(running))
            db.session.rollback()
            self._until_heard(self.visit(), f"/contribute/monthly/{token}/end", {})

    def look(self) -> None:
        """Webhooks come, and the worker works, in the midst of it."""
        self.deliver(jobs_too=False)
        journal_jobs.pick_up()
        self.drain(failing=True)
        if self.random.random() < 0.5:
            call_jobs.resolve_calls()

    def _somebody(self) -> tuple[int, Any]:
        return self.random.choice(sorted(self.people.items(), key=lambda one: one[0]))

    def _until_heard(self, browser: Any, path: str, fields: dict[str, str]) -> None:
        for _ in range(self.random.randint(1, PRESSES)):
            if self._post(browser, path, fields).status != 503:
                return

    def _address(self) -> dict[str, str]:
        self.number = getattr(self, "number", 0) + 1
        return {"REMOTE_ADDR": f"127.{self.number >> 16 & 255}.{self.number >> 8 & 255}.{self.number & 255}"}

    def _post(self, browser: Any, path: str, fields: dict[str, str]) -> Any:
        fields = {name: value for name, value in fields.items() if name != "csrf_token"}
        page = browser.post(path, fields, environ_base=self._address())
        self.answers[page.status] += 1
        assert page.status in (200, 303, 422, 502, 503), f"seed {self.seed}: POST {path} is {page.status}"
        return page

    def _get(self, browser: Any, path: str) -> Any:
        page = browser.get(path, environ_base=self._address())
        assert page.status in (200, 303, 503), f"seed {self.seed}: GET {path} is {page.status}"
        return page

    def _pay(self, url: str) -> str:
        return self.sandbox.pay(url.rpartition("/")[2])

    def _return(self, browser: Any, url: str) -> None:
        if self.random.random() < 0.8:
            self._get(browser, back(url))

    # --- afterwards -----------------------------------------------------------------------------------------------------

    def calm(self) -> None:
        """Stripe is well again: the jobs run as they do by the clock, webhooks come, a day passes."""
        self.sandbox.faults()
        self._work()
        self.sandbox.advance(25 * 3600)  # Sessions that nobody paid are over
        self._work()

    def _work(self) -> None:
        for _ in range(3):
            call_jobs.resolve_calls()
            self.deliver(jobs_too=False)
            db.session.rollback()
            db.session.execute(update(StripeEvent).where(StripeEvent.state == "new").values(due_at=clock.now()))
            db.session.commit()
            journal_jobs.pick_up()
            self.drain()

    def wrongs(self) -> list[str]:
        """Whatever happened twice, is stuck, or differs between the books and Stripe."""
        db.session.rollback()
        found = [*self._twice(), *self._asked_twice(), *self._stuck(), *self._differing()]
        db.session.rollback()
        return found

    def _twice(self) -> list[str]:
        things = self.sandbox.world.store
        named = [("Customer", one["metadata"].get("account")) for one in things.all("customer")]
        named += [("Session", one["client_reference_id"]) for one in things.all("checkout.session")]
        named += [("Refund", one["metadata"].get("refund")) for one in things.all("refund")]
        named += [("Charge", one["metadata"].get("contribution")) for one in things.all("charge")]
        named += [("Charge of the gift", one["metadata"].get("gift")) for one in things.all("charge")]
        named += [
            ("schedule", one["subscription"]) for one in things.all("subscription_schedule") if one["status"] in ("active", "not_started")
        ]
        named += [("paid Charge", one["payment_intent"]) for one in things.all("charge") if one["status"] == "succeeded"]
        going = [one for one in things.all("subscription") if one["status"] != "canceled"]
        named += [("Subscription", one["customer"]) for one in going if one["metadata"].get("purpose") == "subscription"]
        named += [("monthly contribution", one["metadata"].get("contribution")) for one in going]
        return [f"{count} times {what} for {whose}" for (what, whose), count in Counter(named).items() if whose and count > 1]

    def _asked_twice(self) -> list[str]:
        """By Stripe's own log: each key had one effect at most, each wish one key, and nothing was changed without a key."""
        effects: dict[str, set[str]] = {}
        for event in self.sandbox.events():
            if key := (event["request"] or {}).get("idempotency_key"):
                effects.setdefault(key, set()).add(event["request"]["id"])
        found = [f"{len(calls)} times an effect of {key}" for key, calls in effects.items() if len(calls) > 1]
        keys: dict[tuple[str, str], set[str]] = {}
        for one in self.changing():
            if not one["idempotency_key"]:
                found += [f"no key for {one['path']}"] if one["path"] != "/v1/billing_portal/sessions" else []
            elif wish := _wish(one["params"]):
                keys.setdefault((one["path"], wish), set()).add(one["idempotency_key"])
        return found + [f"{len(given)} times a key of {path} for {wish}" for (path, wish), given in keys.items() if len(given) > 1]

    def changing(self) -> list[dict[str, Any]]:
        """What Stripe was asked to change since the storm began, faults included. Of a DELETE Stripe does not keep the key;
        we send our row's all the same."""
        return [one for one in self.sandbox.requests[self.begun :] if one["method"] != "GET"]

    def faults(self) -> tuple[Counter[str], Counter[str]]:
        """How often each kind of fault befell a call, and one that changes something."""
        every = [one for one in self.sandbox.requests[self.begun :] if one["fault"]]
        kinds = [(one["method"], str(one["status"] if one["fault"] == "status" else one["fault"])) for one in every]
        return Counter(kind for _method, kind in kinds), Counter(kind for method, kind in kinds if method != "GET")

    def done(self) -> Counter[str]:
        """What became of wishes, by Stripe's log: so many calls of each kind had their effect."""
        heard = [one for one in self.changing() if one["status"] == 200]
        plans = [one for one in heard if one["path"].startswith(("/v1/subscriptions/", "/v1/subscription_schedules/"))]
        return Counter(
            gift=sum(one["path"] == "/v1/checkout/sessions" and one["params"]["metadata"]["purpose"] == "gift" for one in heard),
            change=sum("items" in one["params"] or "phases" in one["params"] for one in plans),
            pause=sum("pause_collection" in one["params"] for one in plans),
            ended=sum(one["method"] == "DELETE" for one in heard),
        )

    def _stuck(self) -> list[str]:
        calls = select(OutgoingCall).where(OutgoingCall.state.in_(("new", "unknown", "given_up")))
        stuck = [f"call {one.kind} {one.idempotency_key} is {one.state}" for one in db.session.scalars(calls)]
        for table in (CheckoutIntent, RefundIntent):
            open_ones = select(table).where(table.state.in_(("new", "open", "unknown")))
            stuck += [f"{table.__tablename__} {one.id} is {one.state}" for one in db.session.scalars(open_ones)]
        events = select(StripeEvent).where(StripeEvent.state.in_(("new", "parked")))
        return stuck + [f"event {one.type} is {one.state}: {one.last_error}" for one in db.session.scalars(events)]

    def _differing(self) -> list[str]:
        report = Report()
        for _ in reconciliation.walk(report, None, dry_run=True):
            db.session.rollback()
        differing = [f"{one.kind} {one.id}: {one.what}" for one in report.drift]
        things = self.sandbox.world.store
        given = {one["metadata"]["gift"] for one in things.all("charge") if one["status"] == "succeeded" and "gift" in one["metadata"]}
        known = set(db.session.scalars(select(Gift.public_id).where(Gift.paid_at.is_not(None), Gift.delivered_at.is_not(None))))
        differing += [f"gift {one}: paid there or delivered here, not both" for one in given ^ known]
        for kind, theirs in (
            ("payment", sum(one["amount"] for one in things.all("charge") if one["status"] == "succeeded")),
            ("refund", -sum(one["amount"] for one in things.all("refund"))),
        ):
            ours = sum(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == kind)))
            differing += [f"{kind}: {ours} booked, {theirs} at Stripe"] if ours != theirs else []
        return differing

    def told(self, wrongs: list[str]) -> str:
        """For a failure: how to have it again, and how much there was."""
        calls = sum(one["method"] != "GET" for one in self.sandbox.requests)
        failed = sum(one["fault"] is not None for one in self.sandbox.requests)
        head = f"seed {self.seed}, {dict(self.wished)}, answers {dict(self.answers)}, {calls} changing calls, {failed} faults"
        return "\n".join([head, *wrongs[:30]])
