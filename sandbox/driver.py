"""What a person does on the hosted pages, for tests and demonstrations without a browser."""

from sandbox.billing import methods
from sandbox.errors import StripeError
from sandbox.pages import authenticate
from sandbox.pages.cardform import CardForm
from sandbox.pages.checkout import Typed, email_of, finish, submit


class Declined(Exception):
    """The page would show this message; `code` is Stripe's."""

    def __init__(self, message: str, code: str | None, param: str | None):
        super().__init__(message)
        self.message, self.code, self.param = message, code, param


def pay(
    world, session_id: str, *, card: str = "4242424242424242", email: str = "reader@example.com",
    name: str = "Test Reader", expiry: str = "12/34", cvc: str = "123", promotion_code: str = "",
    authenticate_with: str = "complete", iban: str = "",
) -> str:  # fmt: skip
    """Fill the Checkout page and press the button; the address one is sent to.

    With `iban` she pays by SEPA debit, whose outcome comes a second later. Raises Declined with the text the page shows.
    """
    session = world.need("checkout.session", session_id)
    if session["status"] != "open":
        raise Declined(f"This Checkout Session is {session['status']}.", None, None)
    typed = Typed(email, promotion_code, CardForm(card, expiry, cvc, name))
    try:
        url = _debit(world, session, typed, iban) if iban else submit(world, session, typed)
    except StripeError as error:
        raise Declined(error.message, error.code, error.param) from error
    if "/pages/authenticate/" in url:
        intent = world.need("payment_intent", url.rsplit("/", 1)[-1])
        url = authenticate.answer(world, intent, authenticate_with == "complete")
    return url


def _debit(world, session: dict, typed: Typed, iban: str) -> str:
    address = email_of(world, session) or typed.email
    method = methods.make_debit(world, iban, details={"email": address, "name": typed.card.name})
    return finish(world, session, method, {"email": address, "name": typed.card.name})
