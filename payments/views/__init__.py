"""Doors of this room."""

from flask import Blueprint

BLUEPRINTS: tuple[Blueprint, ...] = ()
