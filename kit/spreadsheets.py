"""Tables for spreadsheets: CSV whose cells stay text, line by line."""

import csv
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

# A spreadsheet runs a cell that begins so, even one that somebody typed into a form of ours.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def safe(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would run it (as Excel itself marks text)."""
    return f"'{text}" if text.lstrip(" ").startswith(FORMULA) else text


def csv_lines(head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Head and rows, a line at a time. Text is made safe; numbers are left alone; None is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for cells in itertools.chain([head], rows):
        writer.writerow([safe(cell) if isinstance(cell, str) else cell for cell in cells])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
