"""Crash points, enumerated: every instant at which a process may die and leave something behind.

What outlives a process is what it committed, what it asked of Stripe and what it handed to the mail server. So a point
lies before and after each of these. (Between them a death only rolls back, as one before the commit does; with
``writes`` the instants before each writing statement count as well, to see just that.) ``Points`` counts them while a
flow runs; armed, it kills the process at the n-th: everything that the dead one still tries (to free a lease, to note its failure)
fails as well, and its connections are closed, as the kernel would do.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
import stripe
from flask import Flask

from kit.database import db
from payments import gateway
from sandbox.direct import Direct

WRITES = ("INSERT", "UPDATE", "DELETE", "WITH")


class Crashed(BaseException):
    """The process is dead. Not an Exception: nobody may catch it and go on."""


class Points:
    """The points of one run. ``names`` lists those that were passed; ``kill_at`` (from 1) is where it dies."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.kill_at: int | None = None
        self.dead = False
        self.counting = False

    def arm(self, kill_at: int | None) -> None:
        """Count from here on, and die at the given point (None: only count)."""
        self.names, self.kill_at, self.dead, self.counting = [], kill_at, False, True

    def disarm(self) -> None:
        self.kill_at, self.dead, self.counting = None, False, False

    def reach(self, name: str) -> None:
        """The process has come to this point."""
        if self.dead:
            raise Crashed("already dead")
        if not self.counting:
            return
        self.names.append(name)
        if len(self.names) == self.kill_at:
            self.dead = True
            raise Crashed(name)

    def wrap(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """A point before and one after a call that has an effect outside."""

        def called(*args: Any, **kwargs: Any) -> Any:
            self.reach(f"before {name}")
            answer = call(*args, **kwargs)
            self.reach(f"after {name}")
            return answer

        return called


class _Asked(Direct):
    """The way to Stripe, with its two points."""

    def __init__(self, sandbox: Any, points: Points) -> None:
        super().__init__(sandbox)
        self._points = points

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        if method == "get":  # looking leaves nothing behind
            return super().request(method, url, *args, **kwargs)
        return self._points.wrap(method.upper(), super().request)(method, url, *args, **kwargs)


@contextmanager
def watched(app: Flask, sandbox: Any, *, writes: bool = False) -> Generator[Points]:
    """The points of this application: its database, its way to Stripe, its mail."""
    points = Points()

    def writing(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if points.dead or (writes and statement.lstrip()[:6].upper().startswith(WRITES)):
            points.reach("before a write")

    dialect, commit, client, mail = db.engine.dialect, db.engine.dialect.do_commit, stripe.RequestsClient, app.extensions["mail_transport"]
    sa.event.listen(db.engine, "before_cursor_execute", writing)
    dialect.do_commit = points.wrap("a commit", commit)  # type: ignore[method-assign]
    stripe.RequestsClient = lambda **_options: _Asked(sandbox, points)  # type: ignore[misc,assignment]
    app.extensions["mail_transport"] = points.wrap("the mail server", mail)
    gateway.forget_client()
    try:
        yield points
    finally:
        points.disarm()
        sa.event.remove(db.engine, "before_cursor_execute", writing)
        dialect.do_commit = commit  # type: ignore[method-assign]
        stripe.RequestsClient = client  # type: ignore[misc]
        app.extensions["mail_transport"] = mail
        gateway.forget_client()


def bury() -> None:
    """What is left of a dead process goes: its session, its connections with their open transactions."""
    db.session.remove()
    db.engine.dispose()
