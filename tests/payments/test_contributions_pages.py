"""The form as a guest and as a reader fills it in; what is refused is kept; what Stripe does is said."""

import threading

import pytest
from sqlalchemy import select

from kit.database import db
from payments.models import CheckoutIntent, Contribution

GUEST = {"suggested": "", "amount": "25.00", "frequency": "once", "email": "gus@guest.example"}


def contributions() -> list[Contribution]:
    db.session.rollback()
    return list(db.session.scalars(select(Contribution).order_by(Contribution.id)))


def fill(visitor, **typed):
    visitor.get("/contribute")
    return visitor.submit("/contribute/checkout", **{**GUEST, **typed})


def test_the_form_says_what_covering_the_fee_adds_without_javascript(visitor):
    page = visitor.get("/contribute")
    assert page.status == 200
    assert "$25.00$1.06$26.06" in page.text.replace(" ", "")
    assert page.form("/contribute/checkout").fields["suggested"] == "2500"


def test_a_guest_is_sent_to_checkout_with_what_she_chose(visitor, sandbox):
    page = fill(visitor, cover_fee="y", name="Gus", message="Go on.", anonymous="y")
    assert page.status == 303
    assert page.headers["Location"].startswith(sandbox.url)
    (made,) = contributions()
    assert (made.amount, made.fee_cover, made.status, made.anonymous, made.account_id) == (2500, 106, "pending", True, None)
    intent = db.session.get(CheckoutIntent, made.intent_id)
    assert (intent.kind, intent.amount, intent.state) == ("contribute", 2606, "open")
    session = sandbox.get(intent.session_id)
    assert (session["mode"], session["amount_total"], session["submit_type"]) == ("payment", 2606, "pay")
    assert session["metadata"] == {"purpose": "contribution", "contribution": made.public_id, "site": "localhost"}
    assert session["customer_email"] == "gus@guest.example"


def test_a_monthly_contribution_is_a_subscription_at_stripe(visitor, sandbox):
    fill(visitor, frequency="month", cover_fee="y")
    (made,) = contributions()
    session = sandbox.get(db.session.get(CheckoutIntent, made.intent_id).session_id)
    assert (session["mode"], session["amount_total"]) == ("subscription", 2606)


def test_the_entry_article_is_remembered(visitor, sandbox):
    visitor.get("/contribute?from=the-weir")
    visitor.submit("/contribute/checkout", **GUEST)
    assert db.session.scalars(select(CheckoutIntent)).one().attribution == {"article": "the-weir"}


def test_a_foreign_from_is_dropped(visitor):
    page = visitor.get("/contribute?from=%22%3E%3Cscript%3E")
    assert page.form("/contribute/checkout").fields["from"] == ""


@pytest.mark.parametrize(
    "amount", ["-5", "0", "0.004", "1e9", "NaN", "inf", "1e2", "1_0", "٣", "0x10", "5;6", "1,500", "1" * 4300, "€25", "x"]
)
def test_M01_a_refused_amount_is_named_at_the_field_and_all_is_kept(visitor, amount):
    typed = {
        "amount": amount,
        "frequency": "month",
        "cover_fee": "y",
        "name": "Gus",
        "email": "gus@guest.example",
        "message": "Go on.",
        "anonymous": "y",
    }
    page = fill(visitor, **typed)
    assert page.status == 422
    assert set(page.errors()) == {"amount"}
    kept = page.form("/contribute/checkout").fields
    assert {name: kept[name] for name in typed} == typed
    assert contributions() == []


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"amount": ""}, "amount"),
        ({"amount": "0.50"}, "amount"),
        ({"amount": "10000.01"}, "amount"),
        ({"email": ""}, "email"),
        ({"email": "gus@"}, "email"),
        ({"name": "x" * 201}, "name"),
        ({"message": "x" * 501}, "message"),
    ],
)
def test_each_refusal_is_at_its_field(visitor, typed, field):
    page = fill(visitor, **typed)
    assert (page.status, set(page.errors())) == (422, {field})


def test_a_bound_is_said_in_the_reader_s_money(visitor):
    assert "The smallest amount is $1.00." in fill(visitor, amount="0.50").errors()["amount"]


def test_M02_a_currency_is_not_the_client_s_to_choose(visitor, sandbox):
    fill(visitor, currency="jpy")
    assert contributions()[0].currency == "usd"


def test_a_field_sent_twice_is_refused(visitor):
    page = visitor.post("/contribute/checkout", {**GUEST, "amount": ["25", "1"]})
    assert page.status == 400


def test_a_post_without_the_token_is_refused(visitor):
    assert visitor.post("/contribute/checkout", GUEST, csrf=False).status == 400
    assert contributions() == []


def test_M07_the_same_form_twice_is_one_intent_and_one_session(visitor, sandbox):
    visitor.get("/contribute")
    form = visitor.page.form("/contribute/checkout")
    first = visitor.post(form.action, {**form.fields, **GUEST})
    second = visitor.post(form.action, {**form.fields, **GUEST})
    assert first.headers["Location"] == second.headers["Location"]
    assert len(contributions()) == 1
    another = visitor.post(form.action, {**form.fields, **GUEST, "amount": "30"})
    assert another.headers["Location"] != first.headers["Location"]


def test_M07_four_clicks_at_once_are_one_promise_and_one_session(app, visit, sandbox):
    first = visit()
    first.get("/contribute")
    form = first.page.form("/contribute/checkout")
    db.session.rollback()
    fields = {name: value for name, value in {**form.fields, **GUEST}.items() if name != "csrf_token"}
    start, answers = threading.Barrier(4), []

    def click() -> None:
        with app.app_context():
            browser = visit()
            start.wait()
            answers.append(browser.post(form.action, fields))
            db.session.remove()

    clicks = [threading.Thread(target=click) for _ in range(4)]
    for one in clicks:
        one.start()
    for one in clicks:
        one.join(60)
    assert {page.status for page in answers} <= {303, 503}  # Stripe may say of a key that it is in use: ask again
    assert len({page.headers["Location"] for page in answers if page.status == 303}) == 1
    assert len(contributions()) == 1
    assert len(list(sandbox.world.store.all("checkout.session"))) == 1


def test_when_stripe_does_not_answer_nothing_is_lost_and_asking_again_asks_the_same(visitor, sandbox):
    sandbox.faults(**{"reset-after-commit": 1, "paths": "checkout/sessions"})
    page = fill(visitor, name="Gus")
    assert page.status == 503
    assert "Nothing was charged" in page.text
    assert page.form("/contribute/checkout").fields["name"] == "Gus"
    sandbox.faults()
    assert visitor.submit("/contribute/checkout").status == 303
    assert [intent.state for intent in db.session.scalars(select(CheckoutIntent))] == ["open"]
    assert len(list(sandbox.world.store.all("checkout.session"))) == 1


def test_back_from_checkout_the_form_holds_what_she_chose(visitor, sandbox):
    fill(visitor, amount="33.00", frequency="month", cover_fee="y", name="Gus", message="Go on.")
    page = visitor.get("/contribute?again=1")
    fields = page.form("/contribute/checkout").fields
    assert (fields["amount"], fields["frequency"], fields["cover_fee"], fields["name"], fields["message"]) == (
        "33.00",
        "month",
        "y",
        "Gus",
        "Go on.",
    )


def test_somebody_else_s_browser_is_shown_nothing_of_it(visit, sandbox):
    fill(visit(), name="Gus Guest")
    assert "Gus" not in visit().get("/contribute?again=1").html


def test_a_reader_s_address_and_name_are_filled_in(visit, make_account):
    reader = make_account("ann@reader.example", name="Ann")
    fields = visit(reader).get("/contribute").form("/contribute/checkout").fields
    assert (fields["email"], fields["name"]) == ("ann@reader.example", "Ann")


def test_what_a_reader_with_a_proven_address_gives_is_hers_at_once(visit, sandbox, make_account):
    proven, unproven = make_account("ann@reader.example"), make_account("bea@reader.example", confirmed=False)
    fill(visit(proven), email="ann@reader.example")
    fill(visit(unproven), email="bea@reader.example")
    assert [one.account_id for one in contributions()] == [proven.id, None]


def test_forged_and_foreign_returns_show_nothing_personal(visit, sandbox):
    hers = visit()
    fill(hers, name="Gus")
    session_id = db.session.scalars(select(CheckoutIntent)).one().session_id
    sandbox.pay(session_id)
    for session_id_shown in ("cs_test_forged", "", session_id):
        page = visit().get(f"/contribute/thanks?session_id={session_id_shown}")
        assert page.status == 200
        assert "gus@guest.example" not in page.html
        assert "25.00" not in page.html


def test_who_turns_round_without_paying_comes_back_to_the_form(visitor, sandbox):
    fill(visitor)
    session_id = db.session.scalars(select(CheckoutIntent)).one().session_id
    page = visitor.get(f"/contribute/thanks?session_id={session_id}")
    assert (page.status, page.location) == (303, "/contribute?again=1")


def test_M06_one_network_gets_twenty_sessions_an_hour_and_mistyping_costs_nothing(visitor, sandbox):
    for _ in range(25):
        assert fill(visitor, amount="x").status == 422
    statuses = [fill(visitor, email=f"gus{n}@guest.example").status for n in range(22)]
    assert statuses == [303] * 20 + [429] * 2
