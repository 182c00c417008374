"""The fixtures of payments' tests, for scenarios that need Stripe's clock and ours moved together; and a server that is another."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from flask import Flask

from kit.database import db
from tests.payments.conftest import later, on_sale, reader
from tests.payments.readers import press, put_on_sale
from tests.scenarios.rows import say

__all__ = ["later", "on_sale", "reader"]


@pytest.fixture
def pretend(app: Flask) -> Iterator[Callable[..., None]]:
    """``pretend("a_view_of_the_server", "its query")``: another answer of PostgreSQL's than the server at hand gives."""
    if db.engine.dialect.name == "sqlite":
        pytest.skip("SQLite has no server that could count or be set")
    name = db.engine.url.database

    def put_before(view: str, query: str) -> None:
        say("create schema if not exists pretended", f"create or replace view pretended.{view} as {query}",
            f'alter database "{name}" set search_path = pretended, public, pg_catalog')  # fmt: skip
        again()

    def again() -> None:
        db.session.remove()
        db.engine.dispose()

    yield put_before
    again()
    say(f'alter database "{name}" reset search_path', "drop schema if exists pretended cascade")


@pytest.fixture
def told(visit: Any, make_account: Any, sandbox: Any) -> tuple[int, list[Any]]:
    """(account id, what Stripe has to tell of a Subscription that was just paid)."""
    put_on_sale(sandbox)
    account_id = (account := make_account()).id
    sandbox.pay(press(visit(account)))
    return account_id, sandbox.take_deliveries()
