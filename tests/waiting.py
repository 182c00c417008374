"""Waiting for another process, without sleeping blindly: look often, give up late and loudly."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], *, seconds: float = 30, what: str = "it") -> T:
    """The first truthy answer of ``look``; fails after ``seconds``."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        pause.wait(0.02)
    raise AssertionError(f"waited {seconds} s for {what}")
