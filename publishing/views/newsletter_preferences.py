"""What a reader of the newsletter may change, by the link in each letter or signed in; and how she leaves."""

from datetime import date, timedelta

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from flask_wtf import FlaskForm
from wtforms import BooleanField
from wtforms.validators import Optional, ValidationError

from kit.csrf import csrf, from_machines
from kit.database import db
from kit.limits import client_network
from membership.forms import DayField
from membership.guards import public, signed_in
from publishing.models.newsletter import NewsletterSubscription
from publishing.newsletter import issues, subscriptions, tokens
from publishing.newsletter.subscriptions import Asker
from publishing.views.newsletter import bp, unlisted

LONGEST_PAUSE = timedelta(days=366)


class Preferences(FlaskForm):
    """Which letters, and until when none."""

    daily = BooleanField(_l("The daily letter"))
    paused_until = DayField(
        _l("Pause until"), [Optional()], description=_l("Your next letter comes on this morning. Leave it empty for no pause.")
    )

    def validate_paused_until(self, field: DayField) -> None:
        """A pause lies ahead, and ends."""
        wanted: date | None = field.data
        if wanted is not None and not issues.today() < wanted <= issues.today() + LONGEST_PAUSE:
            raise ValidationError(_("Choose a day between tomorrow and a year from now."))


@bp.get("/newsletter/preferences/<token>")
@public
def preferences(token: str) -> Response:
    """Her choices."""
    subscription = _hers(token)
    ahead = subscription.paused_until if subscription.paused_until and subscription.paused_until > issues.today() else None
    return _page(Preferences(daily=subscription.daily, paused_until=ahead), subscription, token)


@bp.post("/newsletter/preferences/<token>")
@public
def choose(token: str) -> Response:
    """Keep what she chose."""
    form, subscription = Preferences(), _hers(token, lock=True)
    if not form.validate_on_submit():
        return _page(form, subscription, token, 422)
    subscriptions.choose(subscription, Asker("preferences", client_network()), daily=form.daily.data, paused_until=form.paused_until.data)
    flash(_("Your choice is kept."), "success")
    db.session.commit()
    return redirect(url_for("newsletter.preferences", token=token), code=303)  # ty: ignore[invalid-explicit-return]


@bp.get("/newsletter/preferences")
@signed_in
def mine() -> Response:
    """For who is signed in: her choices, or the offer to subscribe the address of her account."""
    if current_user.confirmed_at is None:
        return redirect(url_for("newsletter.index"), code=303)  # ty: ignore[invalid-explicit-return]
    subscription = subscriptions.by_address(current_user.email)
    if subscription is None or subscription.state != "confirmed":
        return unlisted(render_template("newsletter/mine.html"))
    return redirect(url_for("newsletter.preferences", token=tokens.of_handle(subscription.handle)), code=303)  # ty: ignore[invalid-explicit-return]


@bp.post("/newsletter/preferences")
@signed_in
def subscribe_mine() -> Response:
    """Her address is verified already: one press is enough."""
    if current_user.confirmed_at is None:
        abort(403)
    subscriptions.confirm_account(current_user._get_current_object(), Asker("account", client_network()))
    flash(_("You are on the list: the next letter comes to %(address)s.", address=current_user.email), "success")
    db.session.commit()
    return redirect(url_for("newsletter.mine"), code=303)  # ty: ignore[invalid-explicit-return]


@bp.get("/newsletter/unsubscribe/<token>")
@public
def unsubscribe(token: str) -> Response:
    """A page with a button, because mail scanners follow links; or word that it is done."""
    subscription = _hers(token)
    return unlisted(render_template("newsletter/unsubscribe.html", subscription=subscription, token=token))


@bp.post("/newsletter/unsubscribe/<token>")
@public
@from_machines  # RFC 8058: her mail provider posts this without cookies; the signed token is the proof
def leave(token: str) -> Response | tuple[str, int, dict[str, str]]:
    """Her provider's one click, or the button of the page (which, unlike the former, a scanner must not press)."""
    one_click = request.form.get("List-Unsubscribe") == "One-Click"
    if not one_click:
        csrf.protect()
    subscription = _hers(token, lock=True)
    subscriptions.unsubscribe(subscription, Asker("one-click" if one_click else "unsubscribe page", client_network()))
    db.session.commit()
    if one_click:
        return _("You are unsubscribed.") + "\n", 200, {"Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store"}
    return redirect(url_for("newsletter.unsubscribe", token=token), code=303)  # ty: ignore[invalid-explicit-return]


def _hers(token: str, *, lock: bool = False) -> NewsletterSubscription:
    return subscriptions.by_token(token, lock=lock) or abort(404)


def _page(form: Preferences, subscription: NewsletterSubscription, token: str, status: int = 200) -> Response:
    page = render_template(
        "newsletter/preferences.html",
        form=form,
        subscription=subscription,
        token=token,
        today=issues.today(),
        welcome="welcome" in request.args,
    )
    return unlisted(page, status)
