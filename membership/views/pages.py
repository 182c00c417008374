"""Small answers that all doors of this room give: a form's page, a redirect after a POST, a page that leaks no address."""

from typing import Any

from flask import Response, make_response, redirect, render_template, request

from kit.urls import safe_next


def form_page(template: str, form: Any, **context: Any) -> Response:
    """The form: fresh with 200, refused with 422 and its errors."""
    return make_response(render_template(template, form=form, **context), 422 if form.is_submitted() else 200)


def go(address: str) -> Any:
    """See other: after a POST the browser gets another page, so that a reload repeats nothing."""
    return redirect(address, code=303)


def next_path() -> str:
    """Where the reader wanted to go: a path on this site, or nothing."""
    return safe_next(request.args.get("next"), "")


def private(response: Any) -> Response:
    """A page whose own address is a secret: no Referer carries it away, no cache keeps it (safety A15)."""
    answer = make_response(response)
    answer.headers["Referrer-Policy"] = "no-referrer"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer
