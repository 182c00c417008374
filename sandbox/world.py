"""The world every handler works on: objects, time, events, one lock."""

import contextlib
import sys
import threading
import time
from collections.abc import Generator

from sandbox import events, shapes
from sandbox.clocks import Agenda
from sandbox.delivery import Delivery
from sandbox.errors import StripeError
from sandbox.faults import Faults
from sandbox.objects import Ids, blank, difference, public
from sandbox.store import Store

# What Stripe's Dashboard lets an account choose; the first word is the default.
SETTINGS = {"after_retries": ("cancel", "unpaid", "past_due"), "redelivery": ("live", "sandbox")}


class World:
    def __init__(self, *, seed: int | None = None, state: str | None = None, strict: bool = True):
        self.lock = threading.RLock()
        self.seed, self.strict = seed, strict
        self.store = Store(state)
        # A restarted sandbox must not hand out the ids of its first life again.
        self.ids = Ids(seed if not state else None)
        self.faults = Faults(self.ids.random)
        self.delivery = Delivery(self)
        self.agenda = Agenda(self)
        self.base_url = ""
        self.request: dict | None = None  # {"id", "idempotency_key"} of the call being served
        self.log: list[dict] = []
        self.complaints: list[str] = []
        self._paused_at: dict[str | None, int] = {}

    # --- time ---------------------------------------------------------------

    def now(self, of: dict | None = None) -> int:
        """Seconds of the clock an object lives by: its test clock, or the site's."""
        clock = self.clock_of(of) if of else None
        if clock in self._paused_at:
            return self._paused_at[clock]
        if clock:
            return self.the("test_helpers.test_clock", clock)["frozen_time"]
        frozen = self.settings.get("frozen")
        return frozen if frozen is not None else int(time.time()) + self.settings["offset"]

    def wall(self) -> int:
        """Seconds of Stripe's own clock, whatever time its test clocks were moved to: the Date of every answer."""
        frozen = self.settings.get("frozen")
        return frozen if frozen is not None else int(time.time())

    def clock_of(self, of: dict) -> str | None:
        if of.get("object") == "test_helpers.test_clock":
            return of["id"]
        if of.get("test_clock"):
            return of["test_clock"]
        for key in ("customer", "subscription", "invoice", "charge", "payment_intent"):
            owner = self.store.peek(of[key]) if isinstance(of.get(key), str) else None
            if owner is not None and owner is not of:
                return self.clock_of(owner)
        return None

    @contextlib.contextmanager
    def at(self, clock: str | None, moment: int) -> Generator[None]:
        """While the block runs, that clock stands at `moment`."""
        self._paused_at[clock] = moment
        try:
            yield
        finally:
            del self._paused_at[clock]

    @property
    def settings(self) -> dict:
        """The sandbox's own settings, kept beside the objects so that they survive a restart."""
        found = self.store.get("_settings", "_settings")
        return found or self.store.put({"object": "_settings", "id": "_settings", "offset": 0})

    def configure(self, values: dict) -> dict:
        """Change settings of the account. Raises StripeError on an unknown one."""
        for name, value in values.items():
            if value not in SETTINGS.get(name, ()):
                raise StripeError.invalid(f"{name} cannot be {value!r}.", name)
            self.settings[name] = value
        return {name: self.settings.get(name, words[0]) for name, words in SETTINGS.items()}

    # --- objects ------------------------------------------------------------

    def make(self, kind: str, *, of: dict | None = None, **values: object) -> dict:
        """A new stored object; `of` tells whose clock gives its time."""
        obj = blank(kind, **values)
        obj["id"] = obj["id"] or self.ids.new(kind)
        for key in ("created", "date"):
            if key in obj and not obj[key]:
                obj[key] = self.now(of or obj)
        return self.store.put(obj)

    def the(self, kind: str, id_: str) -> dict:
        """The stored object that must be there: another object of ours names it."""
        found = self.store.get(kind, id_)
        if found is None:
            raise LookupError(f"{kind} {id_} is gone")
        return found

    def need(self, kind: str, id_: object, noun: str = "", param: str = "id") -> dict:
        """The stored object, or Stripe's "No such ..." error; of what was deleted only a tombstone is left."""
        found = self.store.get(kind, str(id_))
        if found is None or found.get("_deleted"):
            raise StripeError.missing(noun or kind.split(".")[-1].replace("_", " "), str(id_), param)
        return found

    @contextlib.contextmanager
    def changing(self, obj: dict, event: str | None) -> Generator[dict]:
        """Emit `event` with previous_attributes when the block really changed something."""
        before = public(obj)
        yield obj
        self.store.put(obj)
        old = difference(before, public(obj))
        if old and event:
            self.emit(event, obj, old)

    def emit(self, event: str, obj: dict, previous: dict | None = None) -> dict:
        return events.emit(self, event, obj, previous)

    def forget_events(self, *, before: int) -> int:
        """As Stripe does after 30 days: those older than `before` (seconds since 1970) leave the feed. How many."""
        old = [event for event in self.store.all("event") if event["created"] < before]
        for event in old:
            self.store.drop(event)
        return len(old)

    def check_shape(self, obj: dict) -> list[str]:
        """Differences from the SDK's own classes; each is a fault of the sandbox itself."""
        found = shapes.check(obj) if self.strict else []
        self.complaints += found
        for line in found:
            print(f"sandbox: shape: {line}", file=sys.stderr)
        return found

    def reset(self) -> None:
        """Forget everything, as after the start."""
        with self.lock:
            self.store.clear()
            self.agenda = Agenda(self)
            self.ids = Ids(self.seed)
            self.faults = Faults(self.ids.random)
            self.delivery.forget()
            self.log.clear()
            self.complaints.clear()
