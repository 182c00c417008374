"""What befell the machine's reader before its first step, and how that is told: acts of machine.py, one after the other."""

from collections.abc import Callable
from typing import Any

from tests.machine import deaths

FIRST: dict[str, list[Callable[[Any], None]]] = {
    "nothing": [],
    "a month": [lambda self: self.pass_time(31)],
    "a lost card and a month": [lambda self: self.card(0, good=False), lambda self: self.pass_time(31)],
    "a trial and a month": [lambda self: self.at_the_dashboard(0, "trial"), lambda self: self.pass_time(31)],
    "another": [lambda self: self.at_the_dashboard(0, "second subscription")],
    "notice, and staying": [lambda self: self.cancel(0, "boolean"), lambda self: self.stay(0, portal=False)],
    "notice in the portal": [lambda self: self.cancel(0, "portal")],
    "notice in the portal, and staying": [lambda self: self.cancel(0, "portal"), lambda self: self.stay(0, portal=True)],
    "a refund": [lambda self: self.refund(0, part=True)],
    "a refund that comes back": [lambda self: self.refund(0, part=False), lambda self: self.refund_fails(0)],
    "a dispute that is won": [lambda self: self.dispute(0, "fraudulent"), lambda self: self.dispute_ends(0, won=True)],
    "a dispute that is lost": [lambda self: self.dispute(0, "fraudulent"), lambda self: self.dispute_ends(0, won=False)],
    "a pause and its end": [lambda self: self.pause(0, "void"), lambda self: self.resume(0)],
}
TELLINGS = ["later", "twice", "once", *deaths.MOMENTS]
