"""Doors of this room."""

from flask import Blueprint

from membership.views import links, me, security, staff, staff_grace, staff_grants, staff_members

# links adds its doors to the blueprint of account.
BLUEPRINTS: tuple[Blueprint, ...] = (security.bp, links.bp, me.bp, staff.bp, staff_members.bp, staff_grace.bp, staff_grants.bp)
