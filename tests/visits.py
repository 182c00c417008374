"""A browser without a window: gets pages, fills their forms, keeps cookies. Tests read like a visit."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import html5lib
from flask import Flask, g
from itsdangerous import URLSafeTimedSerializer

from kit.database import db


@dataclass
class Form:
    """A form on a page: where it goes, how, and what it would send as it stands."""

    action: str
    method: str
    fields: dict[str, str]


class Page:
    """An answer, parsed the way browsers parse."""

    def __init__(self, response: Any, path: str) -> None:
        self.response, self.path = response, path
        self.status: int = response.status_code
        self.headers = response.headers
        self._tree: Any = None

    @property
    def html(self) -> str:
        return self.response.get_data(as_text=True)

    @property
    def tree(self) -> Any:
        if self._tree is None:
            self._tree = html5lib.parse(self.html, namespaceHTMLElements=False)
        return self._tree

    @property
    def text(self) -> str:
        """What a person reads, with white space folded."""
        body = self.tree.find("body")
        return " ".join("".join(body.itertext()).split()) if body is not None else ""

    @property
    def location(self) -> str:
        """Where a redirect leads: path and query."""
        parts = urlsplit(self.headers.get("Location", ""))
        return parts.path + (f"?{parts.query}" if parts.query else "")

    def links(self) -> list[str]:
        return [a.get("href") for a in self.tree.iter("a") if a.get("href")]

    def forms(self) -> list[Form]:
        return [self._form(form) for form in self.tree.iter("form")]

    def form(self, action: str = "") -> Form:
        """The first form whose action begins with ``action``."""
        for form in self.forms():
            if form.action.startswith(action):
                return form
        raise AssertionError(f"no form for {action!r} on {self.path}; there are {[form.action for form in self.forms()]}")

    def _form(self, form: Any) -> Form:
        fields: dict[str, str] = {}
        for control in form.iter("input"):
            kind = control.get("type", "text")
            if (
                not control.get("name")
                or kind in ("submit", "button")
                or (kind in ("checkbox", "radio") and control.get("checked") is None)
            ):
                continue
            fields[control.get("name")] = control.get("value", "on" if kind in ("checkbox", "radio") else "")
        for area in form.iter("textarea"):
            fields[area.get("name")] = (area.text or "").removeprefix("\n")
        for select in form.iter("select"):
            chosen = [o for o in select.iter("option") if o.get("selected") is not None] or list(select.iter("option"))[:1]
            if chosen:
                fields[select.get("name")] = chosen[0].get("value", "".join(chosen[0].itertext()))
        return Form(form.get("action") or self.path, form.get("method", "get").lower(), fields)

    def errors(self) -> dict[str, str]:
        """The error at each field: name -> text, tied by aria-describedby as a screen reader finds it."""
        by_id = {node.get("id"): " ".join("".join(node.itertext()).split()) for node in self.tree.iter() if node.get("id")}
        found = {}
        for control in self.tree.iter():
            if control.get("aria-invalid") == "true":
                texts = [by_id.get(ref, "") for ref in (control.get("aria-describedby") or "").split()]
                found[control.get("name")] = " ".join(text for text in texts if text)
        return found


class Visitor:
    """One browser: its cookies and the page it is on."""

    def __init__(self, app: Flask) -> None:
        self.app, self.client = app, app.test_client()
        self.page: Page | None = None

    def get(self, path: str, *, follow: bool = False, **kwargs: Any) -> Page:
        self._new_request()
        return self._answer(self.client.get(path, **kwargs), path, follow)

    def post(self, path: str, data: dict[str, Any] | None = None, *, follow: bool = False, csrf: bool = True, **kwargs: Any) -> Page:
        """Post fields, with this browser's CSRF token unless told otherwise."""
        fields = dict(data or {})
        if csrf and "csrf_token" not in fields:
            fields["csrf_token"] = self.csrf_token()
        self._new_request()
        return self._answer(self.client.post(path, data=fields, **kwargs), path, follow)

    def submit(self, action: str = "", *, follow: bool = False, **fields: str) -> Page:
        """Fill and send a form of the page we are on, with its hidden fields."""
        assert self.page is not None, "go to a page first"
        form = self.page.form(action)
        sent = {**form.fields, **fields}
        send = self.client.post if form.method == "post" else self.client.get
        target = form.action or self.page.path
        self._new_request()
        answer = send(target, data=sent) if form.method == "post" else send(target, query_string=sent)
        return self._answer(answer, target, follow)

    def csrf_token(self) -> str:
        with self.client.session_transaction() as session:
            session.setdefault("csrf_token", "0123456789abcdef0123456789abcdef01234567")
            raw = session["csrf_token"]
        return URLSafeTimedSerializer(self.app.config["SECRET_KEY"], salt="wtf-csrf-token").dumps(raw)

    def _new_request(self) -> None:
        """Forget what the last request kept in ``g``: the test's own app context would carry one reader's into another's."""
        g.__dict__.clear()
        db.session.rollback()  # nor its open transaction: outside of tests each request has a session of its own

    def _answer(self, response: Any, path: str, follow: bool) -> Page:
        self.page = Page(response, path)
        hops = 0
        while follow and self.page.status in (301, 302, 303, 307, 308) and hops < 5:
            parts = urlsplit(self.page.headers["Location"])
            if parts.netloc and parts.netloc != urlsplit(self.app.config["PUBLIC_URL"]).netloc:
                return self.page  # off to Stripe
            self._new_request()
            self.page = Page(self.client.get(self.page.location), self.page.location)
            hops += 1
        return self.page
