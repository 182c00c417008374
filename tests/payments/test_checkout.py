"""Subscribing, from the plans on the page to the gate, whichever of redirect and webhook comes first."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import func, select

from kit.database import db
from payments import checkout
from payments.models import CheckoutIntent, Customer, LedgerEntry, Receipt, StripeEvent, Subscription
from sandbox.driver import Declined
from tests.payments.readers import back, described, entitled, press, subscribe

Visit = Callable[..., Any]


pytestmark = pytest.mark.usefixtures("on_sale")


def count(table: Any) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def booked() -> list[int]:
    """The payments in the ledger; each has one receipt, and Stripe's fee of each is booked once."""
    db.session.rollback()
    found = list(db.session.execute(select(LedgerEntry.kind, LedgerEntry.amount)))
    payments = [amount for kind, amount in found if kind == "payment"]
    assert count(Receipt) == len(payments) == len([kind for kind, _ in found if kind == "fee"])
    assert len(found) == 2 * len(payments), found
    return payments


PLANS = ["reader-monthly", "reader-yearly", "supporter-monthly", "supporter-yearly"]


def test_the_page_offers_each_plan(visit: Visit, make_account: Any) -> None:
    page = visit(make_account()).get("/subscribe")
    assert page.status == 200
    assert [form.fields["plan"] for form in page.forms() if form.action == "/subscribe/checkout"] == PLANS
    assert "Subscribe for $5.00 a month" in page.text
    assert "Subscribe for $120.00 a year" in page.text


def test_a_stranger_makes_an_account_and_comes_back_to_her_choice(visitor: Any) -> None:
    page = visitor.get("/subscribe")
    assert "Subscribe for $5.00 a month" in page.text
    assert "Set-Cookie" not in page.headers, "a stranger's page may be cached"
    ways = [link for link in page.links() if link.startswith("/account/sign-up?next=/subscribe")]
    assert [way.partition("?plan%3D")[2] or way.partition("plan=")[2] for way in ways] == PLANS
    assert visitor.get(ways[0]).status == 200


def test_redirect_before_webhook(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account()).id
    browser = visit(account)
    url = sandbox.pay(press(browser))
    assert not entitled(account_id)
    page = browser.get(back(url))
    assert (page.status, "Everything is open to you" in page.text) == (200, True)
    assert entitled(account_id)
    assert set(deliver()) == {200}
    assert entitled(account_id)
    assert count(Subscription) == count(Customer) == 1
    assert booked() == [500]


def test_who_came_from_an_article_goes_on_reading_it(visit: Visit, make_account: Any, sandbox: Any, visitor: Any) -> None:
    ways = [link for link in visitor.get("/subscribe?from=the-weir").links() if "sign-up?next=" in link]
    assert all("from%3Dthe-weir" in way or "from=the-weir" in way for way in ways), "through the sign-up, too"
    browser = visit(make_account())
    page = browser.get("/subscribe?from=the-weir")
    form = next(form for form in page.forms() if form.fields.get("plan") == "reader-monthly")
    assert form.fields["from"] == "the-weir"
    answer = browser.post("/subscribe/checkout", {key: form.fields[key] for key in ("plan", "from")})
    db.session.rollback()
    url = answer.headers["Location"]
    session_id = db.session.scalars(select(CheckoutIntent.session_id).where(CheckoutIntent.session_url == url)).one()
    page = browser.get(back(sandbox.pay(session_id)))
    assert "/articles/the-weir" in page.links()
    assert "Go on reading" in page.text


def test_webhook_before_redirect(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account()).id
    browser = visit(account)
    url = sandbox.pay(press(browser))
    deliver()
    assert entitled(account_id)
    asked = len(sandbox.requests)
    page = browser.get(back(url))
    assert "Everything is open to you" in page.text
    assert len(sandbox.requests) == asked, "nothing was left to look at"
    assert booked() == [500]
    assert described(account_id)["plan"] == "reader-monthly"


def test_never_redirected(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account()).id
    subscribe(visit, sandbox, deliver, account, "supporter-yearly")
    assert described(account_id) | {"paid_until": None} == {
        "status": "active",
        "entitled": True,
        "plan": "supporter-yearly",
        "paid_until": None,
        "ends_at": None,
        "source": "subscription",
    }
    entry = db.session.scalars(select(LedgerEntry).where(LedgerEntry.kind == "payment")).one()
    assert (entry.amount, entry.currency, entry.purpose, entry.account_id) == (12000, "usd", "subscription", account_id)


def test_neither_redirected_nor_told_grants_nothing(visit: Visit, make_account: Any, sandbox: Any) -> None:
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    assert not entitled(account_id)


def test_a_decline_leaves_the_session_open_and_no_access(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account_id = (account := make_account()).id
    browser = visit(account)
    session_id = press(browser)
    with pytest.raises(Declined):
        sandbox.pay(session_id, card="4000000000000002")
    deliver()
    assert not entitled(account_id)
    page = browser.get(f"/subscribe/thanks?session_id={session_id}")
    assert (page.status, page.location) == (303, "/subscribe")
    sandbox.pay(press(browser))
    deliver()
    assert entitled(account_id)
    assert count(CheckoutIntent) == 1, "the second try was the same wish"


def test_a_foreign_or_forged_session_shows_nothing(visit: Visit, make_account: Any, sandbox: Any) -> None:
    ann, bob = make_account("ann@reader.example"), make_account("bob@reader.example")
    session_id = press(visit(ann))
    sandbox.pay(session_id)
    asked = len(sandbox.requests)
    for forged in (session_id, "cs_test_none", "", "../x", "%00", "x" * 4000):
        page = visit(bob).get(f"/subscribe/thanks?session_id={forged}")
        assert page.status == 404
        assert "We do not know this payment page" in page.text
    assert len(sandbox.requests) == asked, "strangers make us ask nothing"
    assert not entitled(bob.id)


def test_a_stranger_is_sent_to_sign_in(visitor: Any) -> None:
    assert visitor.post("/subscribe/checkout", {"plan": "reader-monthly"}).status == 303
    assert visitor.page.location.startswith("/account/sign-in")
    assert count(CheckoutIntent) == 0


@pytest.mark.parametrize("plan", ["", "price_123", "reader-weekly", "reader-monthly\x00", "READER-MONTHLY", "x" * 5000])
def test_only_a_plan_on_sale_can_be_chosen(visit: Visit, make_account: Any, sandbox: Any, plan: str) -> None:
    asked = len(sandbox.requests)
    page = visit(make_account()).post("/subscribe/checkout", {"plan": plan})
    assert (page.status, "not on sale" in page.text) == (422, True)
    assert len(sandbox.requests) == asked


def test_a_double_click_is_one_wish(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    browser = visit(make_account())
    assert press(browser) == press(browser)
    assert count(CheckoutIntent) == 1
    assert len([one for one in sandbox.events() if one["type"] == "customer.created"]) == 1


def test_another_plan_closes_the_first_session(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    browser = visit(make_account())
    first = press(browser, "reader-monthly")
    second = press(browser, "supporter-monthly")
    assert first != second
    assert (sandbox.get(first)["status"], sandbox.get(second)["status"]) == ("expired", "open")
    deliver()
    assert press(browser, "supporter-monthly") == second


def open_sessions(sandbox: Any) -> list[str]:
    db.session.rollback()
    made = db.session.scalars(select(CheckoutIntent.session_id).where(CheckoutIntent.session_id.is_not(None)))
    return [one for one in made if one and sandbox.get(one)["status"] == "open"]


def test_two_tabs_that_change_to_the_same_plan_share_a_wish(visit: Visit, make_account: Any, sandbox: Any) -> None:
    account_id = (account := make_account()).id
    press(visit(account), "reader-monthly")
    first, second = (checkout.intend(account_id, "reader-yearly") for _ in range(2))
    db.session.commit()
    for tab in (first, second):
        checkout.close(tab)  # both have found the old plan's wish, and close its Session
    wishes = [checkout.replace(account_id, tab, "reader-yearly") for tab in (first, second)]
    db.session.commit()
    assert wishes[0] == wishes[1]


def test_a_plan_given_up_while_stripe_was_asked_leaves_one_session_to_pay(
    visit: Visit, make_account: Any, sandbox: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_account()
    tabs = [visit(account), visit(account)]
    ask = checkout.gateway.create_checkout_session
    kept: list[str] = []

    def slow(params: Any, key: str) -> Any:
        made = ask(params, key)
        monkeypatch.undo()
        kept.append(press(tabs[1], "reader-yearly"))
        return made

    monkeypatch.setattr(checkout.gateway, "create_checkout_session", slow)
    answer = tabs[0].post("/subscribe/checkout", {"plan": "reader-monthly"})
    assert (answer.status, answer.headers["Location"]) == (303, "/subscribe")
    assert open_sessions(sandbox) == kept


def test_paid_in_another_tab(visit: Visit, make_account: Any, sandbox: Any) -> None:
    account_id = (account := make_account()).id
    browser = visit(account)
    sandbox.pay(press(browser))
    page = browser.post("/subscribe/checkout", {"plan": "supporter-monthly"}, follow=True)
    assert "Everything is open to you" in page.text
    assert entitled(account_id)
    assert len([one for one in sandbox.events() if one["type"] == "customer.subscription.created"]) == 1


def test_a_member_is_not_sold_a_second(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    account = make_account()
    subscribe(visit, sandbox, deliver, account)
    browser = visit(account)
    page = browser.post("/subscribe/checkout", {"plan": "reader-monthly"}, follow=True)
    assert "You subscribe already" in page.text
    assert count(CheckoutIntent) == 1


def test_stripe_away_then_back_is_one_session(visit: Visit, make_account: Any, sandbox: Any) -> None:
    browser = visit(make_account())
    sandbox.faults(status={"500": 1.0})
    page = browser.post("/subscribe/checkout", {"plan": "reader-monthly"})
    assert (page.status, "does not answer" in page.text) == (503, True)
    sandbox.faults()
    press(browser)
    assert count(CheckoutIntent) == 1


def test_an_answer_lost_on_its_way_is_one_session(visit: Visit, make_account: Any, sandbox: Any) -> None:
    """Stripe made the Session and the line broke: the same key finds it again."""
    browser = visit(make_account())
    sandbox.faults(reset_after_commit=1.0, methods=["POST"], paths="checkout.sessions")
    assert browser.post("/subscribe/checkout", {"plan": "reader-monthly"}).status == 503
    sandbox.faults()
    (lost,) = sandbox.world.store.all("checkout.session")
    assert press(browser) == lost["id"]
    assert [one["id"] for one in sandbox.world.store.all("checkout.session")] == [lost["id"]]
    made = [one for one in sandbox.requests if one["path"] == "/v1/checkout/sessions" and one["method"] == "POST"]
    assert len(made) >= 2
    assert len({one["idempotency_key"] for one in made}) == 1


def test_events_of_a_whole_subscription_are_all_applied(visit: Visit, make_account: Any, sandbox: Any, deliver: Any) -> None:
    subscribe(visit, sandbox, deliver, make_account())
    states = {(row.type, row.state) for row in db.session.scalars(select(StripeEvent))}
    assert ("checkout.session.completed", "done") in states
    assert not {state for _, state in states} - {"done", "ignored"}
