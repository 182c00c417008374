"""A stand-in for Stripe on loopback, for development and tests.

It speaks Stripe's HTTP so that the application runs its one real code path. It
imports nothing of the application, and the application cannot import it. What it
answers and accepts is held against the SDK's own types (shapes.py, params.py).
"""

from sandbox.api import HungUp
from sandbox.direct import Direct
from sandbox.driver import Declined
from sandbox.instance import Sandbox

__all__ = ["Declined", "Direct", "HungUp", "Sandbox"]
