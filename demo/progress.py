"""How long work shows itself: a bar on a terminal, a plain line a stage everywhere else."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from demo.load import Begin


@contextmanager
def stages(console: Console) -> Generator[Begin]:
    """Gives ``begin(title, steps)`` for the stages of one piece of work."""
    if not console.is_terminal:
        yield _lines()
        return
    columns = (TextColumn("{task.description:<22}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:

        def begin(title: str, total: int) -> Callable[[int], object]:
            task = progress.add_task(title, total=total or None)

            def step(steps: int) -> None:
                if total:
                    progress.advance(task, steps)
                else:
                    progress.update(task, total=1, completed=1)

            return step

        yield begin


def _lines() -> Begin:
    """For logs and pipes: each stage when it begins, with the seconds since the first."""
    started = time.monotonic()

    def begin(title: str, total: int) -> Callable[[int], object]:
        click.echo(f"{time.monotonic() - started:6.1f} s  {title}{f' ({total:,})' if total else ''}", err=True)
        return lambda _steps: None

    return begin
