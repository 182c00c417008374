"""The whole loop as a person walks it: sign up, meet the preview, subscribe, read; give; cancel; and what the editor sees."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from demo import prose
from demo.publication import DEMO_PASSWORD
from tests.browser.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]
PASSWORD = "a-long-enough-pass-phrase"


@pytest.fixture(params=[True, False], ids=["javascript", "no-javascript"])
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    context = browser.new_context(base_url=site.url, java_script_enabled=request.param, viewport={"width": 390, "height": 844})
    context.set_default_timeout(30_000)
    found = context.new_page()
    faults: list[str] = []
    found.on("console", lambda message: faults.append(message.text) if "Content Security Policy" in message.text else None)
    yield found
    context.close()
    assert faults == []


def link_in(text: str) -> str:
    found = re.search(r"https?://\S+", text)
    assert found
    return found.group()


def members_article(page: Page) -> str:
    """The address of a members' article on the front page."""
    page.goto("/")
    card = page.locator("article", has_text="For members").first
    href = card.locator('a[href^="/articles/"]').first.get_attribute("href")
    assert href
    return href


def last_words(article: str) -> str:
    """The last plain words, no quotes among them, of a piece of the demo; they stand behind its preview break."""
    source = (prose.CONTENT / f"{article.rsplit('/', 1)[-1]}.md").read_text().partition("<!-- more -->")[2]
    return re.findall(r"[\w .,;:?!-]{10,}", source)[-1].strip()


def sign_up(page: Page, site: Site, email: str) -> None:
    page.goto("/account/sign-up")
    page.locator("main input[name=email]").fill(email)
    page.locator("input[name=password]").fill(PASSWORD)
    page.locator("main form button[type=submit]").first.click()
    mail = site.mail(email, "[Cc]onfirm|[Vv]erify|[Ww]elcome")
    page.goto(link_in(mail["text"]))
    page.locator("main form button[type=submit]").first.click()


def pay(page: Page, card: str, email: str | None = None) -> None:
    """Stripe's hosted page, played by the sandbox."""
    expect(page.get_by_text("SIMULATED").first).to_be_visible()
    for name, value in {"card_number": card, "expiry": "12 / 34", "cvc": "123", "name": "Ann Reader"}.items():
        field = page.locator(f"input[name={name}]")
        if field.count():
            field.fill(value)
    if email and page.locator("input[name=email]").is_visible():
        page.locator("input[name=email]").fill(email)
    page.locator("button[value=pay]").click()


def test_the_whole_loop(page: Page, site: Site, database: str, request: pytest.FixtureRequest) -> None:
    email = f"ann.{request.node.callspec.id.replace('-', '.')}@reader.example"
    in_time = not site.ahead  # her Subscription begins now, and not in a month that no report knows yet
    sign_up(page, site, email)

    article = members_article(page)
    page.goto(article)
    end = last_words(article)
    assert end not in page.locator("main").inner_text()
    expect(page.get_by_role("link", name=re.compile("Subscribe")).first).to_be_visible()

    page.goto("/subscribe")
    page.get_by_role("button", name=re.compile(r"Subscribe for \$5.00 a month")).click()
    pay(page, "4000000000000002", email)
    expect(page.get_by_text(re.compile("declined")).first).to_be_visible()
    pay(page, "4242424242424242", email)
    page.wait_for_url(re.compile("/subscribe/thanks"))

    page.goto(article)
    expect(page.locator("main article").first).to_contain_text(end)

    cancel_in_portal(page)
    account_says(page, "ending")
    expect(page.locator("[data-status=ending]")).to_contain_text(re.compile(r"until \w+ \d+, 20\d\d"))

    period_passes(page, site, article)
    the_editor_sees_it(page, email, in_time=in_time)


def account_says(page: Page, status: str) -> None:
    """Reload the account page until Stripe's word has arrived."""
    for _ in range(60):
        page.goto("/account/")
        if page.locator(f"[data-status={status}]").count():
            return
        page.wait_for_timeout(500)
    expect(page.locator(f"[data-status={status}]")).to_be_visible()


def cancel_in_portal(page: Page) -> None:
    page.goto("/account/")
    page.get_by_role("button", name="Cards and invoices").click()
    expect(page.get_by_text("SIMULATED").first).to_be_visible()
    page.get_by_role("link", name="Cancel plan").click()
    page.get_by_role("button", name="Cancel plan").click()


def period_passes(page: Page, site: Site, article: str) -> None:
    """The sandbox's clock goes past the period's end; its event closes the gate."""
    site.tell_sandbox("advance", seconds=32 * 24 * 3600)
    site.ahead = True
    site.tell_sandbox("deliver")
    account_says(page, "lapsed")
    page.goto(article)
    expect(page.get_by_role("link", name=re.compile("Subscribe")).first).to_be_visible()


def sign_in_as_owner(page: Page) -> None:
    page.context.clear_cookies()
    page.goto("/account/sign-in")
    page.locator("main input[name=email]").fill("owner@ferrybell.example")
    page.locator("input[name=password]").fill(DEMO_PASSWORD)
    page.locator("main form button[type=submit]").first.click()


def the_editor_sees_it(page: Page, email: str, *, in_time: bool) -> None:
    """Herself in the report and in the ledger: the demo's readers have paid such sums too."""
    sign_in_as_owner(page)
    page.goto("/reports/")
    expect(page.locator("main")).to_contain_text("paying members")
    if in_time:
        page.locator('a[href*="kind=new"]').first.click()
        expect(page.get_by_role("row", name=email)).to_be_visible()
    page.goto("/admin/ledger/")
    row = page.get_by_role("row", name=email).filter(has_text="payment")
    expect(row).to_contain_text("$5.00")
    page.goto("/admin/webhooks/")
    expect(page.locator("main")).to_contain_text("invoice.paid")


def test_a_guest_contributes(page: Page, site: Site, request: pytest.FixtureRequest) -> None:
    email = f"guest.{request.node.callspec.id.replace('-', '.')}@reader.example"
    page.goto("/contribute")
    page.get_by_label("$25.00").check()
    page.locator("main input[name=email]").fill(email)
    page.get_by_role("button", name="Go on to payment").click()
    pay(page, "4242424242424242", email)
    page.wait_for_url(re.compile("/contribute/thanks"))
    expect(page.locator("main")).to_contain_text("$25.00")
    receipt = site.mail(email, "[Rr]eceipt|[Tt]hank")
    assert "$25.00" in receipt["text"]
    assert "$25.00" in (receipt["html"] or "")

    sign_in_as_owner(page)
    page.goto("/admin/contributions/")
    row = page.get_by_role("row").filter(has_text=email)
    expect(row).to_contain_text("$25.00")
    here = row.get_by_role("link").first.get_attribute("href")
    page.goto("/admin/ledger/?purpose=contribution&kind=payment")
    expect(page.get_by_role("row").filter(has=page.locator(f'a[href="{here}"]'))).to_contain_text("$25.00")


def test_a_bad_amount_is_named_and_kept(page: Page, site: Site) -> None:
    page.goto("/contribute")
    page.locator("input[name=amount]").fill("12,3,4")
    page.locator("input[name=email]").fill("guest@reader.example")
    page.locator("textarea[name=message]").fill("Keep going")
    page.get_by_role("button", name="Go on to payment").click()
    expect(page.locator("input[name=amount]")).to_have_value("12,3,4")
    expect(page.locator("input[name=amount]")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("textarea[name=message]")).to_have_value("Keep going")


__all__ = ["Any"]
