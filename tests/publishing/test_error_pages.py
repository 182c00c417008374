"""Each error has a page that says what to do; those for our own faults need neither the database nor the session."""

from typing import Any

import pytest
from flask import g, render_template

from kit.errors import PAGES


@pytest.mark.parametrize("code", PAGES)
def test_every_error_has_its_page(app: Any, code: int) -> None:
    with app.test_request_context("/somewhere"):
        g.request_id = "r-123"
        page = render_template(f"errors/{code}.html", error=None)
    assert "<h1>" in page
    assert "r-123" in page


@pytest.mark.parametrize("code", [500, 503])
def test_our_own_faults_ask_nothing_of_what_may_be_broken(app: Any, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from kit.database import db

    def broken(*_: Any, **__: Any) -> None:
        raise AssertionError("the page of a fault asked the database")

    with app.test_request_context("/"):
        monkeypatch.setattr(db.session, "execute", broken)
        assert "<h1>" in render_template(f"errors/{code}.html", error=None)
