"""Doors of this room."""

from flask import Blueprint

from membership.views import account, links, me, security

# links adds its doors to account's blueprint
BLUEPRINTS: tuple[Blueprint, ...] = (security.bp, links.bp, me.bp)

__all__ = ["BLUEPRINTS", "account"]
