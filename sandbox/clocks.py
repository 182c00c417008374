"""Time: what falls due on the site's clock and on each test clock, done in its order."""

import heapq
from collections import defaultdict
from collections.abc import Callable

from sandbox.errors import StripeError

Due = tuple[int, str, Callable[[], object]]

# What one object of a kind will have to do, and when: billing registers here.
_SOURCES: dict[str, list[Callable]] = defaultdict(list)


def due_source(kind: str) -> Callable[[Callable], Callable]:
    """Register `source(world, obj) -> iterator of (moment, key, deed)` for the objects of a kind."""

    def register(source: Callable) -> Callable:
        _SOURCES[kind].append(source)
        return source

    return register


class Agenda:
    """What is coming, for every clock. Only objects touched since the last look are asked again."""

    def __init__(self, world):
        self.world = world
        self._touched = world.store.watch()
        self._heaps: dict[str | None, list[tuple[int, str, int, str]]] = defaultdict(list)
        self._deeds: dict[str, dict[int, Callable]] = {}  # object -> number of its entry -> deed
        self._count = 0

    def _look(self) -> None:
        while self._touched:
            id_, _ = self._touched.popitem()
            self._deeds.pop(id_, None)
            obj = self.world.store.peek(id_)
            for source in _SOURCES.get(obj["object"], ()) if obj else ():
                for moment, key, deed in source(self.world, obj):
                    self._count += 1
                    self._deeds.setdefault(id_, {})[self._count] = deed
                    heapq.heappush(self._heaps[self.world.clock_of(obj)], (moment, key, self._count, id_))

    def first(self, clock: str | None, to: int) -> tuple[int, Callable, str] | None:
        """(moment, deed, object) of what is due first by `to` on a clock."""
        self._look()
        heap = self._heaps[clock]
        while heap and heap[0][0] <= to:
            moment, _key, number, id_ = heap[0]
            deed = self._deeds.get(id_, {}).get(number)
            if deed is not None:
                return moment, deed, id_
            heapq.heappop(heap)  # an entry of what the object was before
        return None


def run_until(world, clock: str | None, to: int) -> None:
    """Do everything due by `to`, earliest first, each at its own moment."""
    for _ in range(100_000):
        due = world.agenda.first(clock, to)
        if due is None:
            return
        moment, deed, id_ = due
        with world.at(clock, moment):
            deed()
        world.store.touch(id_)
    raise RuntimeError("the sandbox's clock does not come to rest")


def tick(world) -> None:
    """Catch up with the site's clock."""
    if None not in world._paused_at:
        run_until(world, None, world.now())


def advance_site(world, to: int) -> None:
    """Move the site's own clock forward; all objects without a test clock live on it."""
    if to < world.now():
        raise StripeError.invalid("The clock only goes forward.", "to")
    run_until(world, None, to)
    if world.settings.get("frozen") is not None:
        world.settings["frozen"] = to
    else:
        world.settings["offset"] += to - world.now()


def advance(world, clock: dict, to: int) -> None:
    """Move a test clock, as `POST /v1/test_helpers/test_clocks/{id}/advance` does."""
    if to <= clock["frozen_time"]:
        raise StripeError.invalid("The frozen_time must be later than the clock's current time.", "frozen_time")
    with world.changing(clock, "test_helpers.test_clock.advancing"):
        clock["status"] = "advancing"
        clock["status_details"] = {"advancing": {"target_frozen_time": to}}
    run_until(world, clock["id"], to)
    with world.changing(clock, "test_helpers.test_clock.ready"):
        clock |= {"status": "ready", "status_details": {}, "frozen_time": to}
