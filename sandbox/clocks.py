"""Time: what falls due on the site's clock and on each test clock, done in its order."""

from collections.abc import Callable, Iterator

from sandbox.errors import StripeError

Due = tuple[int, str, Callable[[], object]]

# Each gives what it will have to do, for one clock: billing registers here.
_SOURCES: list[Callable] = []


def due_source(source: Callable) -> Callable:
    """Register `source(world, clock) -> iterator of (moment, key, deed)`."""
    _SOURCES.append(source)
    return source


def _due(world, clock: str | None) -> Iterator[Due]:
    for source in _SOURCES:
        yield from source(world, clock)


def run_until(world, clock: str | None, to: int) -> None:
    """Do everything due by `to`, earliest first, each at its own moment."""
    for _ in range(100_000):
        due = min((d for d in _due(world, clock) if d[0] <= to), key=lambda d: d[:2], default=None)
        if due is None:
            return
        moment, _key, deed = due
        with world.at(clock, moment):
            deed()
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
