"""The hosted pages over HTTP, as a person without JavaScript meets them."""

import re

import pytest
import requests

CARD = {"card_number": "4242 4242 4242 4242", "expiry": "12 / 34", "cvc": "123", "name": "Ada Reader", "action": "pay"}


@pytest.fixture
def web():
    with requests.Session() as session:
        yield session


def test_the_checkout_page_shows_what_is_bought_and_that_it_is_simulated(web, checkout):
    page = web.get(checkout().url)
    assert page.status_code == 200
    for text in ("SIMULATED", "Membership", "$10.00", "per month", "Card number", "← Back"):
        assert text in page.text
    assert "<script" not in page.text


def test_paying_on_the_page_leads_to_the_success_url(web, client, checkout):
    session = checkout()
    answer = web.post(session.url, data=CARD | {"email": "ada@example.com"}, allow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"http://127.0.0.1:1/thanks?session_id={session.id}"
    assert client.checkout.sessions.retrieve(session.id).customer_details.email == "ada@example.com"
    again = web.get(session.url)
    assert again.status_code == 410
    assert "completed already" in again.text


@pytest.mark.parametrize(
    ("change", "message", "field"),
    [
        ({"card_number": "4000 0000 0000 0002"}, "Your card was declined.", None),
        ({"card_number": "4000 0000 0000 9995"}, "Your card has insufficient funds.", None),
        ({"card_number": ""}, "Your card number is incomplete.", "card_number"),
        ({"card_number": "1234 5678 9012 3456"}, "Your card number is invalid.", "card_number"),
        ({"card_number": "4111 1111 1111 1111"}, "used a non test card", "card_number"),
        ({"expiry": "13/34"}, "Your card&#39;s expiration date is incomplete.", "expiry"),
        ({"expiry": "01/20"}, "Your card&#39;s expiration date is in the past.", "expiry"),
        ({"cvc": "1"}, "Your card&#39;s security code is incomplete.", "cvc"),
        ({"email": "ada"}, "Your email is incomplete.", "email"),
    ],
)
def test_a_refusal_says_why_and_keeps_what_was_typed(web, checkout, change, message, field):
    typed = CARD | {"email": "ada@example.com"} | change
    page = web.post(checkout().url, data=typed, allow_redirects=False)
    assert page.status_code in (402, 422)
    assert message in page.text
    assert 'value="Ada Reader"' in page.text
    if field:
        assert re.search(rf'name="{field}"[^>]*aria-invalid="true"', page.text)


def test_the_authentication_page(web, client, checkout):
    session = checkout()
    typed = CARD | {"email": "ada@example.com", "card_number": "4000 0000 0000 3220"}
    bank = web.post(session.url, data=typed)
    assert "Your bank asks" in bank.text
    failed = web.post(bank.url, data={"answer": "fail"})
    assert "unable to authenticate" in failed.text
    bank = web.post(session.url, data=typed)
    done = web.post(bank.url, data={"answer": "complete"}, allow_redirects=False)
    assert done.headers["Location"].startswith("http://127.0.0.1:1/thanks")
    assert client.subscriptions.list().data[0].status == "active"


def test_a_promotion_code_is_applied_before_paying(web, client, checkout):
    coupon = client.coupons.create({"amount_off": 300, "currency": "usd", "duration": "once"})
    client.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon.id}, "code": "MAY"})
    session = checkout(allow_promotion_codes=True)
    page = web.post(session.url, data={"promotion_code": "may", "action": "apply"})
    assert "$7.00" in page.text
    assert "-$3.00" in page.text


@pytest.fixture
def portal(client, subscribed):
    subscription = subscribed()
    session = client.billing_portal.sessions.create({"customer": subscription.customer, "return_url": "http://127.0.0.1:1/account"})
    return session, subscription


def test_the_portal_cancels_at_period_end_by_cancel_at_and_undoes_it(web, client, portal, types):
    session, subscription = portal
    assert "Your plan renews on" in web.get(session.url).text
    types()
    home = web.post(f"{session.url}/cancel/{subscription.id}", data={"feedback": "too_expensive", "comment": "Sorry"})
    assert "will be canceled on" in home.text
    now = client.subscriptions.retrieve(subscription.id)
    assert now.cancel_at == now["items"].data[0].current_period_end
    assert (now.cancel_at_period_end, now.status) == (False, "active")
    assert (now.cancellation_details.feedback, now.cancellation_details.comment) == ("too_expensive", "Sorry")
    assert types() == ["customer.subscription.updated"]
    web.post(f"{session.url}/undo/{subscription.id}")
    now = client.subscriptions.retrieve(subscription.id)
    assert (now.cancel_at, now.cancellation_details.reason) == (None, None)


def test_the_portal_changes_the_plan(web, client, portal, yearly):
    session, subscription = portal
    assert "$100.00" in web.get(f"{session.url}/plan/{subscription.id}").text
    web.post(f"{session.url}/plan/{subscription.id}", data={"price": yearly.id})
    now = client.subscriptions.retrieve(subscription.id, {"expand": ["latest_invoice"]})
    assert now["items"].data[0].price.id == yearly.id
    # The unused month is credited in full within its first seconds.
    assert 9000 <= now.latest_invoice.total <= 9001


def test_the_portal_replaces_the_card_and_retries_what_is_overdue(web, client, sandbox, portal):
    session, subscription = portal
    sandbox.portal_replace_card(subscription.customer, "4000000000000341")
    sandbox.advance(32 * 86400)
    assert client.subscriptions.retrieve(subscription.id).status == "past_due"
    refused = web.post(f"{session.url}/card", data=CARD | {"card_number": "4000 0000 0000 0002"})
    assert "Your card was declined." in refused.text
    home = web.post(f"{session.url}/card", data=CARD)
    assert "4242" in home.text
    assert client.subscriptions.retrieve(subscription.id).status == "active"


def test_the_portal_shows_nobody_elses_subscription(web, client, portal, subscribed):
    session, _mine = portal
    other = subscribed()
    assert web.post(f"{session.url}/cancel/{other.id}").status_code == 404
    assert client.subscriptions.retrieve(other.id).cancel_at is None


def test_an_open_invoice_can_be_paid_on_its_page(web, client, sandbox, portal):
    _session, subscription = portal
    sandbox.portal_replace_card(subscription.customer, "4000000000000341")
    sandbox.advance(32 * 86400)
    invoice = client.invoices.list({"subscription": subscription.id}).data[0]
    page = web.get(invoice.hosted_invoice_url)
    assert "Pay $10.00" in page.text
    web.post(invoice.hosted_invoice_url, data=CARD)
    assert client.invoices.retrieve(invoice.id).status == "paid"
    assert client.subscriptions.retrieve(subscription.id).status == "active"


def test_enter_in_the_form_pays_although_apply_is_its_first_button(web, client, checkout):
    session = checkout(allow_promotion_codes=True)
    typed = CARD | {"email": "ada@example.com", "promotion_code": "", "action": "apply"}
    assert web.post(session.url, data=typed, allow_redirects=False).status_code == 303


def test_the_portal_pauses_and_resumes_where_its_configuration_lets_it(web, client, subscribed):
    subscription = subscribed()
    where = {"customer": subscription.customer, "return_url": "http://127.0.0.1:1/account"}
    plain = client.billing_portal.sessions.create(where)
    assert "Pause plan" not in web.get(plain.url).text
    assert web.post(f"{plain.url}/pause/{subscription.id}").status_code == 400
    lets = client.billing_portal.configurations.create(
        {"features": {"subscription_pause": {"enabled": True, "duration": {"type": "indefinite"}}}}
    )
    deep = {"type": "subscription_pause", "subscription_pause": {"subscription": subscription.id}}
    session = client.billing_portal.sessions.create({**where, "configuration": lets.id, "flow_data": deep})
    assert "Pause your plan" in web.get(session.url).text  # the deep link
    assert "Your plan is paused" in web.post(f"{session.url}/pause/{subscription.id}").text
    assert client.subscriptions.retrieve(subscription.id).status == "paused"
    web.post(f"{session.url}/pause/{subscription.id}")
    assert client.subscriptions.retrieve(subscription.id).status == "active"


def test_the_accounts_settings_over_http(web, sandbox):
    assert web.post(f"{sandbox.url}/_sandbox/settings", json={"after_retries": "unpaid"}).json() == {
        "after_retries": "unpaid",
        "redelivery": "live",
    }
    assert web.post(f"{sandbox.url}/_sandbox/settings", json={"after_retries": "hope"}).status_code == 400
