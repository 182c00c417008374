"""Table S of docs/scenarios, where no other test shows it: lists longer than a page or changing meanwhile, objects that are gone, what is sold changed at Stripe."""

import json
from collections.abc import Callable
from typing import Any

import pytest
import stripe
from sqlalchemy import func, select

from kit.database import db
from membership.models import MembershipInterval
from payments import gateway
from payments.models import Customer, Plan, StripeEvent, Subscription
from sandbox.direct import Direct
from tests.payments.outgoing import made
from tests.payments.readers import described, entitled, subscribe, subscription_of

pytestmark = pytest.mark.usefixtures("on_sale")


class Meddling(Direct):
    """After each page of a list of Subscriptions that Stripe gives, something happens there."""

    def __init__(self, sandbox: Any, act: Callable[[int], None]) -> None:
        super().__init__(sandbox)
        self.act, self.pages = act, 0

    def request(self, method: str, url: str, headers: Any, post_data: Any = None, **options: Any) -> Any:
        answer = super().request(method, url, headers, post_data, **options)
        if method.upper() == "GET" and url.partition("?")[0].endswith("/v1/subscriptions"):
            self.pages += 1
            self.act(self.pages)
        return answer


def test_S10_lists_longer_than_a_page_that_change_meanwhile_are_walked_to_their_end(
    app: Any, make_account: Any, sandbox: Any, drain: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two pages; after each one begins, one that was listed and one that was not end, and a Customer is deleted. Nobody tells us."""
    price = next(one["id"] for one in sandbox.world.store.all("price") if one["lookup_key"] == "reader-monthly")
    customers = []
    for _ in range(4):
        account = make_account()
        customers.append(sandbox.world.store.get("customer", _customer(account)))
    for number in range(105):
        sandbox.subscribe(customers[number % 4]["id"], price)
    there = [one["id"] for one in sandbox.world.store.all("subscription")]

    def act(page: int) -> None:
        if page <= 2:
            sandbox.subscribe(customers[3]["id"], price)
            sandbox.cancel_now(there[-page])  # on the first page, newest first
            sandbox.cancel_now(there[page - 1])  # on the last
            sandbox.delete_customer(customers[page - 1]["id"])

    meddling = Meddling(sandbox, act)
    client = stripe.StripeClient("sk_test_walk", base_addresses={"api": sandbox.url}, http_client=meddling)
    monkeypatch.setitem(app.extensions, "stripe_client", client)
    run = app.test_cli_runner().invoke
    sandbox.drop_deliveries()
    done = run(args=["stripe", "reconcile", "--full"])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.output
    assert meddling.pages >= 2
    assert {one.id for one in _mirrored()} >= set(there), "all that was there when the walk began"
    meddling.act = lambda _page: None
    drain()  # what its list of events brought
    run(args=["stripe", "reconcile", "--full"])
    drain()
    said = run(args=["stripe", "reconcile", "--full", "--dry-run"])
    assert said.exit_code == 0, said.output
    ours = {one.id: one.status for one in _mirrored()}
    assert ours == {one["id"]: one["status"] for one in sandbox.world.store.all("subscription")}
    assert len(ours) == 107
    assert list(ours.values()).count("canceled") > 50
    assert db.session.scalar(select(func.count()).select_from(Customer).where(Customer.deleted)) == 2


def _customer(account: Any) -> str:
    made = gateway.client().v1.customers.create({"email": account.email, "metadata": {"account": account.public_id}})
    db.session.rollback()
    return made.id


def _mirrored() -> list[Subscription]:
    db.session.rollback()
    return list(db.session.scalars(select(Subscription)))


# --- S07: what is sold is changed at Stripe -------------------------------------------------------------------------------


def test_S07_an_archived_product_is_sold_no_more_and_who_has_it_reads_on(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, later: Callable[[float], None]
) -> None:
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account)
    other = visit(make_account())
    plan = db.session.get_one(Plan, "reader-monthly")
    product_id = plan.product_id
    db.session.rollback()
    gateway.client().v1.products.update(product_id, {"active": False})
    deliver()
    page = other.post("/subscribe/checkout", {"plan": "reader-monthly"})
    assert (page.status, made(sandbox, "checkout.session")[1:]) == (422, [])
    later(31)
    assert entitled(account_id), "renewed"
    assert described(account_id)["plan"] == "reader-monthly"
    assert db.session.scalars(select(StripeEvent.type).where(StripeEvent.state.not_in(("done", "ignored")))).all() == []


@pytest.mark.parametrize("ours", [True, False], ids=["our Product in another currency", "another Product in another currency"])
def test_S07_a_subscription_in_another_currency(visit: Any, make_account: Any, sandbox: Any, deliver: Any, ours: bool) -> None:
    """Staff moves her to a Price in euros. Of our Product it opens as before and is counted in euros; of another it opens nothing."""
    account_id = (account := make_account()).id
    subscription_id = subscribe(visit, sandbox, deliver, account)
    api = gateway.client().v1
    product_id = db.session.get_one(Plan, "reader-monthly").product_id if ours else api.products.create({"name": "Other"}).id
    db.session.rollback()
    price = api.prices.create({"product": product_id, "currency": "eur", "unit_amount": 450, "recurring": {"interval": "month"}})
    world = sandbox.world
    with world.lock, world.changing(world.need("subscription", subscription_id), "customer.subscription.updated") as found:
        found["currency"] = "eur"
        found["items"]["data"][0]["price"] = world.need("price", price.id)
    deliver()
    row = subscription_of(account_id)
    assert (row.currency, row.amount, row.plan_key) == ("eur", 450, "reader-monthly" if ours else None)
    assert entitled(account_id) == ours
    newest = select(MembershipInterval).where(MembershipInterval.superseded_at.is_(None)).order_by(MembershipInterval.id.desc())
    last = db.session.scalars(newest).first()
    assert (last.currency, last.mrr_720) == ("eur", 450 * 720) if ours else last.mrr_720 == 0 or last.until is not None


def test_S10_what_is_gone_when_it_is_looked_at_is_done_and_no_poison(
    visit: Any, make_account: Any, sandbox: Any, deliver: Any, app: Any
) -> None:
    """Each event names an object that Stripe no longer has, or has as deleted."""
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account)
    customer_id = subscription_of(account_id).customer_id
    before = sandbox.events()
    gateway.client().v1.customers.delete(customer_id)
    sandbox.take_deliveries()
    kinds = {"customer.updated": customer_id, "customer.subscription.updated": "sub_gone", "invoice.paid": "in_gone", "charge.updated": "ch_gone",
             "refund.updated": "re_gone", "charge.dispute.updated": "dp_gone", "checkout.session.completed": "cs_gone",
             "payment_method.updated": "pm_gone", "price.updated": "price_gone", "review.closed": "prv_gone"}  # fmt: skip
    told = [
        {**before[0], "id": f"evt_gone_{n}", "type": kind, "data": {"object": {"id": object_id, "object": kind.rpartition(".")[0].split(".")[-1]}}}
        for n, (kind, object_id) in enumerate(kinds.items())
    ]  # fmt: skip
    from sandbox.delivery import sign
    from tests.conftest import WEBHOOK_SECRET

    assert set(deliver(deliveries=[sign(one, WEBHOOK_SECRET) for one in told])) == {200}
    db.session.rollback()
    rows = db.session.execute(select(StripeEvent.type, StripeEvent.state).where(StripeEvent.event_id.like("evt_gone%")))
    states = dict(map(tuple, rows))
    assert set(states.values()) <= {"done", "ignored"}, json.dumps(states)
    assert states["customer.updated"] == states["customer.subscription.updated"] == states["charge.updated"] == "done"
