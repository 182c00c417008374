"""The flows whose crash points are enumerated: what a person, Stripe and the worker do, step by step.

A step may be done again after a crash as its doer would do it again: she reloads or presses the button once more, Stripe
delivers what was not acknowledged, the worker takes up its queue. ``before`` runs unharmed.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import select

from kit import jobs
from kit.database import db
from membership.models import Account
from payments.models import Contribution
from tests import factories
from tests.membership.letters import newest_to, path_in
from tests.payments.readers import back, put_on_sale
from tests.visits import Visitor

GUEST = {"suggested": "", "amount": "25.00", "frequency": "once", "email": "gus@guest.example"}
Step = Callable[[], Any]


class Stage:
    """One application, one sandbox, the people in between."""

    def __init__(self, app: Any, sandbox: Any, outbox: Any) -> None:
        self.app, self.sandbox, self.outbox = app, sandbox, outbox
        self.browser = Visitor(app)
        self.url = ""
        self.acknowledged: set[str] = set()  # events
        self._untold: list[Any] = []

    def tell(self) -> None:
        """Stripe delivers, and delivers again what was not acknowledged."""
        self._untold += self.sandbox.take_deliveries()
        client = self.app.test_client()
        while self._untold:
            one = self._untold[0]
            if client.post("/webhooks/stripe", data=one.body, headers=dict(one.headers)).status_code == 200:
                self.acknowledged.add(self._untold.pop(0).event["id"])

    def work(self) -> None:
        """The worker runs what is due until nothing is."""
        db.session.rollback()
        for _ in range(200):
            due = jobs.waiting(self.app)
            if not due:
                return
            for workflow_id, name, args in due:
                jobs.run(self.app, name, args)
                jobs.client().cancel_workflow(workflow_id)
        raise AssertionError(f"the queue is never empty: {due}")

    def sign_in(self, email: str, role: str | None = None) -> None:
        self.browser = Visitor(self.app)
        factories.sign_in(self.browser, factories.make_account(email, role=role))

    def press(self) -> None:
        answer = self.browser.post("/subscribe/checkout", {"plan": "reader-monthly"})
        assert answer.status == 303, answer.text
        self.url = answer.headers["Location"]

    def pay(self) -> None:
        """On Stripe's page: not our process, so nothing of ours can die in it."""
        session = next(one for one in self.sandbox.world.store.all("checkout.session") if one["url"] == self.url)
        if session["status"] == "open":
            self.url = self.sandbox.pay(session["id"])

    def come_back(self) -> None:
        assert self.browser.get(back(self.url)).status == 200


class Flow:
    """``before``: what has happened already; ``steps``: what is killed at each of its points.

    ``asks_again``: who does not see an answer asks for the mail once more, and may be sent two.
    """

    asks_again = False

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def before(self) -> None:
        put_on_sale(self.stage.sandbox)

    def steps(self) -> list[Step]:
        raise NotImplementedError


class Webhook(Flow):
    """She subscribes and never comes back: the webhook alone lets her in."""

    def before(self) -> None:
        super().before()
        self.stage.sign_in("ann@reader.example")

    def steps(self) -> list[Step]:
        stage = self.stage
        return [stage.press, stage.pay, stage.tell, stage.work]


class CheckoutReturn(Webhook):
    """She has paid and comes back before Stripe has told us anything."""

    def before(self) -> None:
        super().before()
        self.stage.press()
        self.stage.pay()

    def steps(self) -> list[Step]:
        return [self.stage.come_back, self.stage.tell, self.stage.work]


class Contribute(Flow):
    """A guest contributes and is sent a receipt."""

    def steps(self) -> list[Step]:
        stage = self.stage
        return [self.fill, stage.pay, stage.come_back, stage.tell, stage.work]

    def fill(self) -> None:
        if self.stage.browser.page is None:
            self.stage.browser.get("/contribute")
        form = self.stage.browser.page
        answer = self.stage.browser.submit("/contribute/checkout", **GUEST)
        if answer.status != 303:
            self.stage.browser.page = form
        assert answer.status == 303, answer.text
        self.stage.url = answer.headers["Location"]


class Refund(Contribute):
    """Staff gives a contribution back."""

    def before(self) -> None:
        super().before()
        for step in super().steps():
            step()
        self.path = f"/admin/contributions/{db.session.scalars(select(Contribution.public_id)).one()}"
        self.stage.sign_in("finance@desk.example", role="finance")
        self.stage.browser.get(self.path)

    def steps(self) -> list[Step]:
        return [self.give_back, self.stage.tell, self.stage.work]

    def give_back(self) -> None:
        form = self.stage.browser.page
        answer = self.stage.browser.submit(f"{self.path}/refund", amount="25.00")
        if answer.status != 303:
            self.stage.browser.page = form  # she presses the same button again
        assert answer.status == 303, answer.text


class Leave(Webhook):
    """She cancels, and the end is told by mail."""

    def before(self) -> None:
        super().before()
        for step in super().steps():
            step()
        self.stage.browser.get("/account/cancel")

    def steps(self) -> list[Step]:
        return [self.cancel, self.stage.tell, self.stage.work]

    def cancel(self) -> None:
        page = self.stage.browser.get("/account/cancel")
        if any(form.action == "/account/cancel" for form in page.forms()):
            assert self.stage.browser.submit("/account/cancel").status == 303
            page = self.stage.browser.get("/account/cancel")
        assert any(form.action == "/account/cancel/undo" for form in page.forms()), page.text


class SignUp(Flow):
    """A mail with no money in it: an account is made and its address proved."""

    address = "new@reader.example"
    asks_again = True

    def before(self) -> None:
        pass

    def steps(self) -> list[Step]:
        return [self.sign_up, self.stage.work, self.prove]

    def sign_up(self) -> None:
        self.stage.browser.get("/account/sign-up")
        words = {"email": self.address, "password": factories.PASSWORD, "name": ""}
        assert self.stage.browser.submit("/account/sign-up", **words).status == 303

    def prove(self) -> None:
        confirmed = db.session.scalars(select(Account.confirmed_at).where(Account.email == self.address)).one()
        db.session.rollback()
        if confirmed is None:
            self.stage.browser.get(path_in(newest_to(self.stage.outbox, self.address)))
            self.stage.browser.submit("/account/verify/")


FLOWS: dict[str, type[Flow]] = {
    "webhook": Webhook,
    "checkout return": CheckoutReturn,
    "contribution": Contribute,
    "refund": Refund,
    "leaving": Leave,
    "sign-up": SignUp,
}
