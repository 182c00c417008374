"""Every door says who may pass. An endpoint that says nothing is shut (and fails a test)."""

from collections.abc import Callable
from typing import Any

from flask import Flask, abort, current_app, redirect, request, url_for
from flask_login import current_user

View = Callable[..., Any]

# Endpoints of libraries, which cannot carry a declaration of ours.
LIBRARY_PUBLIC = frozenset({"static"})


def public(view: View) -> View:
    """Anybody may pass."""
    view.access = "public"  # ty: ignore[missing-attribute]
    return view


def signed_in(view: View) -> View:
    """Readers and staff, after signing in."""
    view.access = "signed_in"  # ty: ignore[missing-attribute]
    return view


def staff(*roles: str) -> Callable[[View], View]:
    """Staff in one of these roles; the owner always."""

    def declare(view: View) -> View:
        view.access = ("owner", *roles)  # ty: ignore[missing-attribute]
        return view

    return declare


def declared(app: Flask, endpoint: str) -> Any:
    """What the endpoint declares: "public", "signed_in", a tuple of roles, or None."""
    if endpoint in LIBRARY_PUBLIC:
        return "public"
    return getattr(app.view_functions[endpoint], "access", None)


def may_pass(endpoint: str) -> bool:
    """Would the person of this request be let in there? For menus, which should offer no door that is shut to her."""
    access = declared(current_app, endpoint)
    if access == "public" or not current_user.is_authenticated:
        return access == "public"
    return access == "signed_in" or (access is not None and current_user.role in access)


def check() -> Any:
    """Before each request: let pass, send to sign-in, or refuse. Staff pages answer 404 to readers."""
    if request.endpoint is None:
        return None
    access = declared(current_app, request.endpoint)
    if access == "public":
        return None
    if access is None:
        abort(403)
    if not current_user.is_authenticated:
        if request.path.startswith("/api/"):
            abort(401)
        target = request.full_path.rstrip("?") if request.method == "GET" else ""
        return redirect(url_for("security.login", next=target or None), code=303)
    if access != "signed_in" and current_user.role not in access:
        abort(404 if current_user.role is None else 403)
    return None
