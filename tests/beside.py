"""Something that happens at the same moment, from another connection, as another worker would do it."""

import threading
from collections.abc import Callable
from typing import Any


def beside(act: Callable[[], Any]) -> None:
    """Run it in a thread of its own, to its end or until it has waited for us for two seconds; what it raises is raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001 - it is the test's
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(2)
    if raised:
        raise raised[0]
