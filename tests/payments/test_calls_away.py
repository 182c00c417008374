"""While Stripe is away or refuses: no door breaks, nobody waits, what was typed is kept, and the archive knows nothing of it."""

from typing import Any

import pytest

from kit.database import db
from payments import monthly_links
from payments.gateway import GatewayRefused, GatewayUnavailable, NotAsked
from payments.leases import LeaseBusy, LeaseLost
from tests.payments.outgoing import contribute, forget, given, rows
from tests.payments.readers import put_on_sale, subscribe
from tests.visits import Page


@pytest.fixture(autouse=True)
def on_sale(sandbox: Any) -> Any:
    put_on_sale(sandbox)
    forget()
    yield
    assert sandbox.complaints == []


@pytest.mark.parametrize("fault", [{"reset": 1.0}, {"status": {"400": 1.0}}, {"status": {"429": 1.0}}], ids=["down", "refusing", "busy"])
def test_S12_no_door_breaks_and_typed_words_are_kept(visit, staff, make_account, sandbox, deliver, outbox, fault) -> None:
    account, other = make_account(), make_account()
    subscribe(visit, sandbox, deliver, account)
    contribution = given(visit, sandbox, deliver, frequency="month")
    desk, member, guest = visit(staff("finance")), visit(account), visit()
    token = monthly_links.token_for(contribution)
    db.session.rollback()
    desk.get(f"/admin/contributions/{contribution.public_id}")
    doors = {
        "subscribe": lambda: visit(other).post("/subscribe/checkout", {"plan": "reader-monthly"}),
        "contribute": lambda: contribute(guest, message="For the ferry"),
        "portal": lambda: member.post("/account/billing"),
        "cancel": lambda: member.post("/account/cancel", {"comment": "Farewell"}),
        "undo": lambda: member.post("/account/cancel/undo"),
        "end monthly": lambda: guest.post(f"/contribute/monthly/{token}/end"),
        "refund": lambda: desk.submit(f"/admin/contributions/{contribution.public_id}/refund", amount="7"),
        "thanks": lambda: member.get("/subscribe/thanks?session_id=cs_none"),
    }
    sandbox.faults(**fault)
    answers = {name: door() for name, door in doors.items()}
    assert {name: page.status for name, page in answers.items() if page.status not in (303, 404, 422, 502, 503)} == {}
    assert "For the ferry" in answers["contribute"].html
    assert answers["refund"].form(f"/admin/contributions/{contribution.public_id}/refund").fields["amount"] == "7"
    assert "Stripe" in answers["end monthly"].text
    sandbox.faults()


@pytest.mark.parametrize(
    ("trouble", "says"),
    [
        (GatewayRefused("no"), "Nothing was changed and nothing was charged"),
        (GatewayUnavailable("away"), "we do not know yet whether it heard you"),
        (NotAsked("away"), "Nothing was charged"),
        (LeaseBusy("cus_1"), "Nothing was charged"),
        (LeaseLost("cus_1"), "we do not know yet whether it heard you"),
    ],
)
def test_trouble_that_no_door_took_is_a_page_that_sends_the_same_again(app: Any, trouble: Exception, says: str) -> None:
    typed = {"word": "<b>kept</b>", "password": "never", "csrf_token": "old"}
    with app.test_request_context("/account/cancel", method="POST", data=typed):
        answer = app.make_response(app.handle_user_exception(trouble))
    page = Page(answer, "/account/cancel")
    fields = page.form("/account/cancel").fields
    assert (page.status, answer.headers["Retry-After"], says in page.text) == (503, "30", True)
    assert (fields["word"], "password" in fields, fields["csrf_token"] == "old") == ("<b>kept</b>", False, False)
    with app.test_request_context("/api/v1/membership"):
        answer = app.make_response(app.handle_user_exception(trouble))
    assert (answer.status_code, answer.mimetype) == (503, "application/problem+json")


def test_pages_do_not_wait_for_a_stripe_that_is_away_and_nothing_is_asked_of_it_later(visit, make_account, sandbox) -> None:
    sandbox.faults(reset=1.0)
    browsers = [visit(make_account()) for _ in range(7)]
    for number, browser in enumerate(browsers):
        page = browser.post("/subscribe/checkout", {"plan": "reader-monthly"}, environ_base={"REMOTE_ADDR": f"127.1.0.{number}"})
        assert page.status == 503
    states = [state for _kind, state in rows()]
    assert states == ["unknown"] * 5 + ["refused"] * 2, "the last two did not even ask"


def test_the_archive_never_asks_stripe(visit, member, make_article, sandbox) -> None:
    make_article()
    before = len(sandbox.requests)
    sandbox.faults(reset=1.0)
    for browser in (visit(), visit(member())):
        for path in ("/", "/articles/the-weir", "/archive/", "/feed.xml", "/search/?q=weir"):
            assert browser.get(path).status in (200, 301, 308, 404)
    assert len(sandbox.requests) == before


def test_undoing_an_end_unheard_says_that_nobody_knows_yet_and_offers_it_once_more(visit, make_account, sandbox, deliver) -> None:
    account = make_account()
    subscribe(visit, sandbox, deliver, account)
    browser = visit(account)
    assert browser.post("/account/cancel").status == 303
    sandbox.faults(**{"reset-after-commit": 1.0, "methods": ["POST"], "paths": "subscriptions"})
    page = browser.post("/account/cancel/undo")
    sandbox.faults()
    assert (page.status, "we do not know yet whether it heard you" in page.text) == (503, True)
    assert page.form("/account/cancel/undo")


@pytest.mark.parametrize("what", ["gift", "subscription"])
def test_back_from_stripe_while_it_is_away_nobody_who_paid_is_asked_to_pay_again(visit, make_account, sandbox, deliver, what) -> None:
    browser = visit(make_account())
    if what == "gift":
        browser.get("/gift")
        typed = {"recipient_email": "rita@reader.example", "name": "Gus", "email": "gus@guest.example"}
        answer = browser.submit("/gift/checkout", **typed)
    else:
        answer = browser.post("/subscribe/checkout", {"plan": "reader-monthly"})
    back = sandbox.pay(answer.headers["Location"].rpartition("/")[2]).removeprefix("http://localhost")
    sandbox.faults(reset=1.0)
    page = browser.get(back)
    sandbox.faults()
    assert (page.status, "being confirmed" in page.text) == (200, True)
    deliver()
    assert browser.get(back).location != ("/gift?again=1" if what == "gift" else "/subscribe")


def test_who_turned_round_on_stripes_page_is_back_at_the_form(visit, make_account, sandbox) -> None:
    browser = visit(make_account())
    url = browser.post("/subscribe/checkout", {"plan": "reader-monthly"}).headers["Location"]
    assert browser.get(f"/subscribe/thanks?session_id={url.rpartition('/')[2]}").location == "/subscribe"
