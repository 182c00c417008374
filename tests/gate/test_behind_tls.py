"""Production behind TLS, as docs/deploy.md has it: every button on a page that a mailed link opens, pressed as a browser presses it.

Such a page forbids the browser to say whence it comes (its own address is a secret), so the press has no Referer.
"""

import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from flask import Flask

from app import create_app
from kit import clock
from kit.database import db
from membership import tokens as links
from membership.sessions import digest
from payments import gifts, monthly_links
from payments.models import Contribution, Gift, Group, Seat, Subscription
from publishing.newsletter import subscriptions
from publishing.newsletter import tokens as letters
from tests import factories
from tests.kit.test_settings import GOOD
from tests.publishing.test_newsletter_delivery import subscribe
from tests.visits import Page, Visitor

ANN = "ann@reader.example"


class Browser(Visitor):
    """A browser that came through the proxy, and says of itself what the page it is on lets it say."""

    def __init__(self, app: Flask) -> None:
        super().__init__(app)
        self.client.environ_base |= {"HTTP_X_FORWARDED_PROTO": "https", "HTTP_X_FORWARDED_FOR": "192.0.2.7"}

    def press(self, form: int, **fields: str) -> Page:
        """The page's form of this number, with what a browser adds to a POST."""
        assert self.page is not None
        silent = self.page.headers["Referrer-Policy"] == "no-referrer" or 'name="referrer" content="no-referrer"' in self.page.html
        site, said = self.app.config["PUBLIC_URL"], self.page.forms()[form]
        headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null" if silent else site}
        if not silent:
            headers["Referer"] = site + self.page.path
        self._new_request()
        return self._answer(self.client.post(said.action, data={**said.fields, **fields}, headers=headers), said.action, False)


@pytest.fixture
def production(app: Flask) -> Iterator[Flask]:
    """The same database, served by an application with production's settings behind one proxy."""
    database = {"DATABASE_URL": app.config["SQLALCHEMY_DATABASE_URI"], "PUBLIC_URL": "https://localhost", "PROXY_HOPS": 1}
    found = create_app({**GOOD, **database, "SMTP_URL": "smtp://127.0.0.1:9", "LOG_LEVEL": "ERROR"})
    yield found
    with found.app_context():
        db.session.remove()
        db.engine.dispose()


# --- where each link leads ----------------------------------------------------------------------------------------------


def sign_in_link() -> str:
    return f"/account/link/{links.issue('sign_in', factories.make_account(), browser_hash=None)}"


def verify_link() -> str:
    return f"/account/verify/{links.issue('verify', factories.make_account(confirmed=False), browser_hash=None)}"


def reset_link() -> str:
    return f"/account/reset/{links.issue('reset', factories.make_account(), browser_hash=None)}"


def newsletter_confirmation() -> str:
    token, confirm_hash = letters.new_confirmation()
    subscribe(ANN, state="pending", confirm_hash=confirm_hash, confirm_expires_at=clock.now() + timedelta(days=1))
    return f"/newsletter/confirm/{token}"


def newsletter_choices() -> str:
    return f"/newsletter/preferences/{_letter()}"


def newsletter_end() -> str:
    return f"/newsletter/unsubscribe/{_letter()}"


def _letter() -> str:
    subscribe(ANN)
    found = subscriptions.by_address(ANN)
    assert found is not None
    return letters.of_handle(found.handle)


def gift_link() -> str:
    return f"/gift/redeem/{_gift().code}"


def bought_gift() -> str:
    return f"/gift/given/{_gift().public_id}"


def _gift() -> Gift:
    now = clock.now()
    row = Gift(
        public_id=secrets.token_hex(16), code=gifts.new_code(), email=ANN, email_key=ANN, name="Ann",
        recipient_email="bob@reader.example", recipient_email_key="bob@reader.example", plan_key="reader-monthly", months=6, amount=3000,
        currency="eur", status="paid", created_at=now, paid_at=now, deliver_at=now, delivered_at=now, expires_at=now + timedelta(days=365),
    )  # fmt: skip
    db.session.add(row)
    return row


def seat_link() -> str:
    now, token = clock.now(), secrets.token_urlsafe(32)
    values = {"customer_id": "cus_g", "purpose": "subscription", "status": "active", "currency": "eur", "quantity": 3}
    db.session.add(Subscription(id="sub_g", started_at=now, fetched_at=now, **values))
    group = Group(subscription_id="sub_g", account_id=factories.make_account().id, created_at=now)
    db.session.add(group)
    db.session.flush()
    invited = {"email": "bob@reader.example", "email_key": "bob@reader.example", "invited_at": now, "expires_at": now + timedelta(days=7)}
    db.session.add(Seat(group_id=group.id, token_hash=digest(token), **invited))
    return f"/group/join/{token}"


def monthly_link() -> str:
    # A reader's: who presses "another card" is sent to sign in, and Stripe is not asked.
    values = {"account_id": factories.make_account().id, "amount": 500, "currency": "eur", "frequency": "month", "status": "active"}
    row = Contribution(public_id=secrets.token_hex(16), email=ANN, email_key=ANN, created_at=clock.now(), **values)
    db.session.add(row)
    return f"/contribute/monthly/{monthly_links.token_for(row)}"


PAGES: dict[str, Callable[[], str]] = {
    "sign in": sign_in_link,
    "confirm the address": verify_link,
    "a new password": reset_link,
    "confirm the newsletter": newsletter_confirmation,
    "choices of the newsletter": newsletter_choices,
    "no more letters": newsletter_end,
    "a gift": gift_link,
    "a gift that one gave": bought_gift,
    "a seat": seat_link,
    "end a monthly contribution": monthly_link,
}
TYPED = {"password": "a brand new password", "recipient_email": "eve@reader.example", "recipient_name": "Eve"}


@pytest.mark.parametrize("page", PAGES)
def test_every_button_that_a_mailed_link_leads_to_works(page: str, production: Flask) -> None:
    browser = Browser(production)
    with production.app_context():
        path = PAGES[page]()
        db.session.commit()
        if page in ("a gift", "a seat"):  # strangers are sent to sign in there, by a link
            factories.sign_in(browser, factories.make_account("bob@reader.example"))
    shown = browser.get(path)
    assert (shown.status, shown.headers["Referrer-Policy"]) == (200, "no-referrer")
    pressed = {}
    for number, form in enumerate(shown.forms()):
        browser.page = shown
        if form.method == "post":
            pressed[form.action] = browser.press(number, **{name: TYPED[name] for name in form.fields if name in TYPED}).status
    assert pressed
    assert {action: status for action, status in pressed.items() if status not in (200, 303)} == {}


def test_the_owner_s_first_sign_in_as_deploy_md_has_it(production: Flask) -> None:
    done = production.test_cli_runner().invoke(args=["staff", "create", "owner@desk.example", "--role", "owner"])
    browser = Browser(production)
    browser.get("/account/link/" + done.output.rsplit("/", 1)[1].strip())
    assert browser.press(0).location == "/admin/"
    assert browser.get("/admin/").status == 200


def test_without_its_token_or_from_another_site_a_press_is_refused_as_ever(production: Flask) -> None:
    with production.app_context():
        path = reset_link()
        db.session.commit()
    browser, typed = Browser(production), {"password": "a brand new password"}
    browser.get(path)
    assert browser.press(0, csrf_token="", **typed).status == 400
    browser.get(path)
    token = browser.page.form(path).fields["csrf_token"] if browser.page else ""
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert browser.post(path, {**typed, "csrf_token": token}, headers=headers).status == 403
