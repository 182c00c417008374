"""Groups: seats bought, offered, claimed once, taken back; and that they follow who pays to the second."""

import re
import threading
from datetime import timedelta

import pytest
import time_machine
from hypothesis import given, strategies
from sqlalchemy import select

from kit import clock
from kit.database import db
from kit.problems import Refused
from membership.models import Account, MembershipInterval
from payments import gateway, groups
from payments.domain import groups as rules
from payments.models import CheckoutIntent, Group, LedgerEntry, Seat
from tests.payments.readers import described, entitled, put_on_sale, subscribe, subscription_of


def _said(field: str, read):
    """What the rule answers, or what it says against it at this field."""
    try:
        return read()
    except Refused as refusal:
        return refusal.problems[field].text


# --- the rules ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "used", "said"),
    [
        ("2", 0, 2), ("100", 0, 100), (" 7 ", 7, 7),
        ("1", 0, rules.SEATS_FEW), ("0", 0, rules.SEATS_FEW), ("101", 0, rules.SEATS_MANY), ("6", 7, rules.SEATS_USED),
        ("", 0, rules.SEATS_WRONG), ("-3", 0, rules.SEATS_WRONG), ("2.5", 0, rules.SEATS_WRONG), ("\u0665", 0, rules.SEATS_WRONG),
        ("9" * 30, 0, rules.SEATS_WRONG),
    ],
)  # fmt: skip
def test_how_many_seats_may_be_asked_for(typed, used, said):
    assert _said("seats", lambda: rules.seats(typed, 100, used)) == said


@given(strategies.lists(strategies.integers(0, 10_000), unique=True, max_size=12), strategies.integers(0, 14))
def test_who_came_first_stays_in_whatever_order_they_are_looked_at(claims, paid):
    at = clock.now()
    seats = [Seat(id=n, claimed_at=at + timedelta(seconds=seconds)) for n, seconds in enumerate(claims)]
    placed, displaced = rules.with_a_place(reversed(seats), paid)
    assert len(placed) == min(paid, len(seats))
    assert {one.id for one in [*placed, *displaced]} == set(range(len(seats)))
    assert not placed or not displaced or max(one.claimed_at for one in placed) < min(one.claimed_at for one in displaced)


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("ann@x.example\nbob@x.example", 2),
        ("ann@x.example, ANN@x.example; bob@x.example\n", 2),
        ("ann@x.example bob@x.example\tcyd@x.example", 3),
        ("own@x.example", rules.OWNER),
        ("", rules.NOBODY),
        ("ann@x.example\nbob", rules.ADDRESSES_WRONG),
        ("eve@x.example", rules.ADDRESSES_KNOWN),
        ("a@x.example\nb@x.example\nc@x.example\nd@x.example", rules.FULL),
    ],
)
def test_whom_one_may_invite(typed, said):
    assert _said("emails", lambda: len(rules.addresses(typed, 3, ["eve@x.example"], "own@x.example"))) == said


# --- buying -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def own(visit, sandbox, deliver, make_account):
    """``own(seats=3)``: the account id of somebody who bought a group, and her browser."""
    put_on_sale(sandbox)

    def go(seats: int = 3, plan: str = "reader-monthly", **typed: str):
        owner = make_account("olga@school.example", name="Olga")
        owner_id, browser = owner.id, visit(owner)
        browser.get("/subscribe/group")
        answer = browser.submit("/subscribe/group", plan=plan, seats=str(seats))
        assert answer.status == 303, answer.text
        db.session.rollback()
        url = answer.headers["Location"]
        sandbox.pay(db.session.scalars(select(CheckoutIntent.session_id).where(CheckoutIntent.session_url == url)).one(), **typed)
        deliver()
        return owner_id, browser

    return go


@pytest.fixture
def seated(own, visit, outbox, make_account):
    """``seated(2, seats=3)``: (owner's id, her browser, the ids of so many readers who took a seat, in that order)."""

    def go(readers: int, seats: int = 3):
        owner_id, browser = own(seats)
        ids = [take(visit, make_account(f"r{n}@pupil.example"), offer(browser, outbox, f"r{n}@pupil.example")) for n in range(readers)]
        return owner_id, browser, ids

    return go


def offer(browser, outbox, email: str) -> str:
    """The owner invites; the path of the link in the letter."""
    assert browser.post("/account/group/invite", {"emails": email}).status == 303
    return link(outbox, email)


def link(outbox, email: str) -> str:
    letter = [mail for mail in outbox() if mail.key.startswith("seat:") and mail.recipient == email][-1]
    return re.search(r"/group/join/\S+", letter.text).group()  # type: ignore[union-attr]


def take(visit, account, path: str) -> int:
    account_id, browser = account.id, visit(account)
    browser.get(path)
    assert "You read with" in browser.submit(path, follow=True).text
    return account_id


def set_quantity(owner_id: int, quantity: int) -> None:
    """As the portal or the Dashboard does it."""
    row = subscription_of(owner_id)
    subscription_id = row.id
    db.session.rollback()
    item = gateway.fetch_subscription(subscription_id)["items"]["data"][0]["id"]
    gateway.update_subscription(subscription_id, {"items": [{"id": item, "quantity": quantity}], "proration_behavior": "none"})


def seats_of(account_id: int) -> list[tuple[str, str, int, str | None]]:
    """The reader's history by her seat, as reports read it."""
    db.session.rollback()
    mine = select(MembershipInterval).where(MembershipInterval.account_id == account_id, MembershipInterval.superseded_at.is_(None))
    return [
        (row.klass, row.state, row.mrr_720, row.end_cause) for row in db.session.scalars(mine.order_by(MembershipInterval.effective_at))
    ]


def test_a_group_is_bought_by_seats_and_its_money_counts_once(own, seated, visit, sandbox):
    owner_id, browser, (ann, _bob) = seated(2, seats=3)
    row = subscription_of(owner_id)
    assert (row.quantity, row.amount) == (3, 1500)
    assert described(owner_id)["source"] == "subscription"  # who pays reads too, and needs no seat
    assert seats_of(owner_id) == [("paying", "active", 1500 * 720, None)]
    facts = described(ann)
    assert (facts["source"], facts["entitled"], facts["status"], facts["plan"]) == ("group", True, "active", "reader-monthly")
    assert seats_of(ann) == [("seat", "active", 0, None)]
    assert described(ann)["paid_until"] == described(owner_id)["paid_until"]
    page = browser.get("/account/group")
    assert "You pay for 3 seats; 2 taken or offered, 1 free." in page.text
    assert "r0@pupil.example" in page.text
    with db.session.no_autoflush:
        assert "You have a seat of Olga." in visit(db.session.get(Account, ann)).get("/account/").text
    assert sandbox.complaints == []


def test_seats_typed_wrong_are_said_and_kept(sandbox, visit, make_account):
    put_on_sale(sandbox)
    browser = visit(make_account())
    browser.get("/subscribe/group")
    page = browser.submit("/subscribe/group", plan="supporter-yearly", seats="1")
    assert (page.status, page.errors().keys()) == (422, {"seats"})
    assert page.form("/subscribe/group").fields["seats"] == "1"
    assert page.form("/subscribe/group").fields["plan"] == "supporter-yearly"
    assert browser.post("/subscribe/group", {"plan": "nonsense", "seats": "3"}).status == 422


def test_a_double_click_buys_once_and_another_number_replaces_the_first(sandbox, visit, make_account):
    put_on_sale(sandbox)
    browser = visit(make_account())
    first = browser.post("/subscribe/group", {"plan": "reader-monthly", "seats": "3"}).headers["Location"]
    assert browser.post("/subscribe/group", {"plan": "reader-monthly", "seats": "3"}).headers["Location"] == first
    second = browser.post("/subscribe/group", {"plan": "reader-monthly", "seats": "4"}).headers["Location"]
    assert second != first
    db.session.rollback()
    assert sorted((one.state, one.seats) for one in db.session.scalars(select(CheckoutIntent))) == [("expired", 3), ("open", 4)]


def test_who_subscribes_alone_makes_it_a_group(sandbox, visit, deliver, make_account):
    put_on_sale(sandbox)
    ann = make_account()
    ann_id = ann.id
    subscribe(visit, sandbox, deliver, ann)
    browser = visit(ann)
    assert browser.get("/subscribe/group").location == "/account/group"
    browser.get("/account/group")
    assert browser.submit("/account/group/seats", seats="4").status == 303
    deliver()
    assert (subscription_of(ann_id).quantity, groups.owned_by(ann_id).paid) == (4, 4)


def test_seats_for_which_her_bank_was_asked_are_there_when_the_smaller_plan_comes(own, visit, deliver, sandbox):
    """The quantity is 2 still when the schedule is told, and 3 when she has paid."""
    owner_id, browser = own(2, plan="supporter-monthly")
    sandbox.portal_replace_card(subscription_of(owner_id).customer_id, "4000002760003184")
    browser.get("/account/plan")
    assert browser.submit("/account/plan", plan="reader-monthly").status == 303
    deliver()
    browser.get("/account/group")
    browser.submit("/account/group/seats", seats="3")
    deliver()
    row = subscription_of(owner_id)
    assert (row.quantity, row.update_expires_at is not None) == (2, True)
    subscription_id = row.id
    db.session.rollback()
    gateway.client().v1.invoices.pay(sandbox.get(subscription_id)["latest_invoice"], {"payment_method": "pm_card_visa"})
    deliver()
    deliver()
    assert subscription_of(owner_id).quantity == 3
    sandbox.advance(32 * 86400)
    deliver()
    row = subscription_of(owner_id)
    assert (row.plan_key, row.quantity) == ("reader-monthly", 3)


def test_seats_bought_while_a_smaller_plan_waits_are_there_when_it_comes(own, visit, deliver, sandbox):
    """A schedule at Stripe keeps the quantity it was made with: three seats would have become two again, and one reader lost hers."""
    owner_id, browser = own(2, plan="supporter-monthly")
    browser.get("/account/plan")
    assert browser.submit("/account/plan", plan="reader-monthly").status == 303
    deliver()
    browser.get("/account/group")
    assert browser.submit("/account/group/seats", seats="3").status == 303
    deliver()
    assert (subscription_of(owner_id).quantity, subscription_of(owner_id).next_plan_key) == (3, "reader-monthly")
    sandbox.advance(32 * 86400)
    deliver()
    row = subscription_of(owner_id)
    assert (row.plan_key, row.quantity, row.amount) == ("reader-monthly", 3, 1500)


def test_more_and_fewer_seats_but_never_fewer_than_are_in_use(seated, deliver, outbox):
    owner_id, browser, _readers = seated(2, seats=3)
    offer(browser, outbox, "third@pupil.example")
    page = browser.post("/account/group/seats", {"seats": "2"})
    assert (page.status, page.errors().keys()) == (422, {"seats"})
    assert browser.post("/account/group/seats", {"seats": "5"}).status == 303
    deliver()
    assert subscription_of(owner_id).quantity == 5
    assert browser.post("/account/group/seats", {"seats": "3"}).status == 303
    deliver()
    assert subscription_of(owner_id).quantity == 3


def paid() -> list[int]:
    db.session.rollback()
    return list(db.session.scalars(select(LedgerEntry.amount).where(LedgerEntry.kind == "payment").order_by(LedgerEntry.id)))


def test_what_was_paid_for_the_period_is_not_paid_again(own, visit, sandbox, deliver, later):
    owner_id, _browser = own(10)

    def seats(count: int) -> int:
        db.session.rollback()
        browser = visit(db.session.get(Account, owner_id))
        assert browser.post("/account/group/seats", {"seats": str(count)}).location == "/account/group"
        assert "without paying twice" in browser.get("/account/group").text
        deliver()
        return subscription_of(owner_id).quantity

    later(1)
    assert [seats(count) for count in (7, 5, 10)] == [7, 5, 10]
    assert paid() == [5000], "fewer and then more: those were paid"
    assert (seats(5), seats(12)) == (5, 12)
    assert len(paid()) == 2
    assert paid()[-1] <= 1000, "only two are new"
    seats(5)
    later(31)
    assert paid()[2:] == [2500]
    seats(10)
    assert len(paid()) == 4
    assert paid()[-1] > 2000, "a new period, of which five were paid"
    assert sandbox.complaints == []


def test_without_an_own_group_there_is_nothing_to_change(visit, make_account, sandbox):
    browser = visit(make_account())
    assert browser.get("/account/group").status == 200
    for path in ("seats", "invite", "name", "seats/1/revoke", "seats/1/send"):
        assert browser.post(f"/account/group/{path}", {"seats": "3", "emails": "a@b.example"}).status == 404
    assert visit().get("/account/group").status == 303


@pytest.mark.parametrize("name", ["Win at prize.example", "see www.prize", "x" * 101])
def test_the_groups_name_carries_no_address_into_letters_to_others(own, name):
    _owner, browser = own()
    page = browser.post("/account/group/name", {"name": name})
    assert (page.status, "Win" in page.html) == (422, name.startswith("Win"))
    assert db.session.scalars(select(Group)).one().name == ""


# --- seats --------------------------------------------------------------------------------------------------------------


def test_an_invitation_is_looked_at_for_nothing_taken_once_and_dead_after(own, visit, outbox, make_account):
    _owner, browser = own()
    path = offer(browser, outbox, "ann@pupil.example")
    stranger = visit()
    assert "Olga" in stranger.get(path).text
    assert stranger.post(path).location.startswith("/account/sign-in?next=/group/join/")
    db.session.rollback()
    assert db.session.scalars(select(Seat)).one().claimed_at is None
    unproven = visit(make_account(confirmed=False))
    assert unproven.post(path).status == 403
    take(visit, make_account("other.address@pupil.example"), path)
    late = visit(make_account())
    assert (late.get(path).status, late.post(path).status) == (410, 410)
    assert (late.get("/group/join/nonsense").status, late.post("/group/join/nonsense").status) == (404, 404)


def test_sending_again_kills_the_first_link_and_revoking_kills_both(own, visit, outbox, make_account):
    _owner, browser = own()
    first = offer(browser, outbox, "ann@pupil.example")
    browser.get("/account/group")
    seat_id = db.session.scalars(select(Seat.id)).one()
    assert browser.submit(f"/account/group/seats/{seat_id}/send").status == 303
    second = link(outbox, "ann@pupil.example")
    assert second != first
    assert visit().get(first).status == 404
    db.session.rollback()
    seat_id = db.session.scalars(select(Seat.id)).one()
    assert browser.post(f"/account/group/seats/{seat_id}/revoke").status == 303
    assert visit(make_account()).post(second).status == 410


def test_an_invitation_runs_out_and_its_place_is_free(own, visit, outbox, make_account):
    owner_id, browser = own(2)
    path = offer(browser, outbox, "ann@pupil.example")
    offer(browser, outbox, "bob@pupil.example")
    assert browser.post("/account/group/invite", {"emails": "cleo@pupil.example"}).status == 422
    with time_machine.travel(clock.now() + rules.INVITATION, tick=False):
        assert visit().get(path).status == 410
        browser = visit(db.session.get(Account, owner_id))
        answer = browser.post("/account/group/invite", {"emails": "ann@pupil.example\ncleo@pupil.example"})
        assert answer.location == "/account/group"
        assert visit().get(link(outbox, "ann@pupil.example")).status == 200


def test_one_person_has_one_seat(seated, visit, outbox):
    _owner, browser, (ann,) = seated(1)
    path = offer(browser, outbox, "spare@pupil.example")
    db.session.rollback()
    assert visit(db.session.get(Account, ann)).post(path).status == 409


def test_a_seat_taken_back_closes_at_once_and_is_free(seated, visit):
    _owner, browser, (ann, bob) = seated(2, seats=2)
    db.session.rollback()
    seat = db.session.scalars(select(Seat).where(Seat.account_id == ann)).one().id
    assert browser.post(f"/account/group/seats/{seat}/revoke").status == 303
    assert (entitled(ann), entitled(bob)) == (False, True)
    assert [row[3] for row in seats_of(ann)] in (["staff"], [])
    assert "1 free" in browser.get("/account/group").text
    assert visit(db.session.get(Account, bob)).post("/account/group/leave").status == 303
    assert not entitled(bob)


def test_a_stranger_s_seat_is_not_mine_to_take_back(seated, visit, make_account, sandbox, deliver):
    _owner, _browser, (ann,) = seated(1)
    other = make_account()
    subscribe(visit, sandbox, deliver, other)
    thief = visit(other)
    thief.post("/account/group/seats", {"seats": "3"})
    deliver()
    db.session.rollback()
    seat = db.session.scalars(select(Seat).where(Seat.account_id == ann)).one().id
    assert thief.post(f"/account/group/seats/{seat}/revoke").status == 404
    assert entitled(ann)


def test_two_take_the_last_link_at_once_and_one_has_it(own, app, outbox, make_account):
    _owner, browser = own(2)
    token = offer(browser, outbox, "ann@pupil.example").rpartition("/")[2]
    ids, answers, start = [make_account().id, make_account().id], [], threading.Barrier(2)
    db.session.remove()

    def claim(account_id: int) -> None:
        with app.app_context():
            account = db.session.get(Account, account_id)
            db.session.rollback()
            start.wait()
            answers.append(groups.claim(token, account))
            db.session.commit()

    threads = [threading.Thread(target=claim, args=(account_id,)) for account_id in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == ["gone", "taken"]
    assert [entitled(account_id) for account_id in ids].count(True) == 1


# --- following who pays -------------------------------------------------------------------------------------------------


def test_seats_renew_and_end_with_the_subscription_to_the_second(seated, visit, sandbox, deliver):
    owner_id, browser, (ann, bob) = seated(2)
    first = described(ann)["paid_until"]
    sandbox.advance(32 * 24 * 3600)
    deliver()
    assert described(ann)["paid_until"] == described(owner_id)["paid_until"] > first
    gateway.update_subscription(subscription_of(owner_id).id, {"cancel_at_period_end": True})
    deliver()
    end = described(owner_id)["ends_at"]
    assert (described(ann)["ends_at"], described(bob)["ends_at"]) == (end, end)
    with time_machine.travel(end - timedelta(seconds=1), tick=False):
        assert (entitled(ann), entitled(owner_id)) == (True, True)
    with time_machine.travel(end, tick=False):
        assert (entitled(ann), entitled(owner_id)) == (False, False)
    assert "everybody reads until" in browser.get("/account/group").text


def test_when_the_payer_s_card_fails_seats_have_her_grace_and_no_more(seated, visit, sandbox, deliver):
    owner_id, _browser, (ann,) = seated(1)
    sandbox.portal_replace_card(subscription_of(owner_id).customer_id, "4000000000000341")
    sandbox.advance(32 * 24 * 3600)
    deliver()
    facts = described(ann)
    assert facts["status"] == "past_due"
    assert facts["paid_until"] == described(owner_id)["paid_until"]
    with time_machine.travel(facts["paid_until"] + timedelta(days=7, seconds=-1), tick=False):
        assert (entitled(ann), entitled(owner_id)) == (True, True)
        page = visit(db.session.get(Account, ann)).get("/account/")
        assert "Your group’s payment did not go through" in page.text
        assert "Your card" not in page.text
    with time_machine.travel(facts["paid_until"] + timedelta(days=7), tick=False):
        assert (entitled(ann), entitled(owner_id)) == (False, False)


def test_an_immediate_end_ends_every_seat(seated, sandbox, deliver):
    owner_id, _browser, readers = seated(2)
    gateway.cancel_subscription(subscription_of(owner_id).id)
    deliver()
    assert [entitled(one) for one in readers] == [False, False]
    assert groups.owned_by(owner_id) is None


def test_fewer_seats_than_readers_the_newest_loses_and_has_it_back(seated, sandbox, deliver, outbox):
    owner_id, _browser, (ann, bob, cleo) = seated(3, seats=3)
    set_quantity(owner_id, 2)
    deliver()
    assert [entitled(one) for one in (ann, bob, cleo)] == [True, True, False]
    letters = [mail for mail in outbox() if mail.key.startswith("seats-missing:owner")]
    assert [mail.recipient for mail in letters] == ["olga@school.example"]
    assert "r2@pupil.example" in letters[0].text
    set_quantity(owner_id, 1)
    deliver()
    assert [entitled(one) for one in (ann, bob, cleo)] == [True, False, False]
    set_quantity(owner_id, 3)
    deliver()
    assert [entitled(one) for one in (ann, bob, cleo)] == [True, True, True]
    assert len([mail for mail in outbox() if mail.key.startswith("seats-missing:owner")]) == 2


def test_a_full_group_takes_nobody_more(own, sandbox, deliver, visit, outbox, make_account):
    owner_id, browser = own(2)
    paths = [offer(browser, outbox, f"r{n}@pupil.example") for n in range(2)]
    set_quantity(owner_id, 1)
    deliver()
    take(visit, make_account(), paths[0])
    page = visit(make_account()).post(paths[1])
    assert (page.status, "Every seat is taken" in page.text) == (409, True)


def test_told_twice_and_late_the_seats_are_the_same(seated, sandbox, deliver):
    owner_id, _browser, (ann, bob) = seated(2, seats=2)
    set_quantity(owner_id, 1)
    told = sandbox.take_deliveries()
    for one in [*reversed(told), *told]:
        deliver(deliveries=[one])
    assert (entitled(ann), entitled(bob)) == (True, False)
    before = (seats_of(ann), seats_of(bob))
    deliver(deliveries=told)
    assert (seats_of(ann), seats_of(bob)) == before


def test_a_closed_account_leaves_its_seat(seated):
    from membership import signals

    _owner, _browser, (ann,) = seated(1)
    signals.account_closed.send(db.session.get(Account, ann))
    db.session.commit()
    assert not entitled(ann)
    assert db.session.scalars(select(Group)).one().name == ""


def test_a_rebuild_from_the_journal_says_the_same_of_seats(app, seated, deliver, tmp_path):
    owner_id, browser, _readers = seated(3, seats=3)
    set_quantity(owner_id, 2)
    deliver()
    db.session.rollback()
    seat_id = groups.owned_by(owner_id).seats[0].id
    assert browser.post(f"/account/group/seats/{seat_id}/revoke").status == 303
    done = app.test_cli_runner().invoke(args=["journal", "rebuild", "--into", f"sqlite:///{tmp_path}/rebuilt.db"])
    assert done.exit_code == 0, done.output


def test_mistakes_are_not_counted_as_tries(own):
    _, browser = own()
    browser.get("/account/group")
    for _again in range(8):
        assert browser.submit("/account/group/seats", seats="many").status == 422
    assert browser.submit("/account/group/seats", seats="2").status == 303


def test_after_paying_the_page_leads_to_the_invitations(visit, sandbox, make_account):
    put_on_sale(sandbox)
    browser = visit(make_account("olga@school.example"))
    browser.get("/subscribe/group")
    url = browser.submit("/subscribe/group", plan="reader-monthly", seats="3").headers["Location"]
    db.session.rollback()
    done = sandbox.pay(db.session.scalars(select(CheckoutIntent.session_id).where(CheckoutIntent.session_url == url)).one())
    page = browser.get(done.removeprefix("http://localhost"))
    assert "/account/group" in page.links()
    assert "Invite people" in page.text
