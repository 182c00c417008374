"""The pages under docs/scenarios/: every scenario and fault has one row, and the tests that a row names exist."""

import ast
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "docs" / "scenarios").glob("*.md"))

ROWS = [
    *(str(number) for number in range(1, 69)),
    *(f"W{number:02}" for number in range(1, 21)),
    *(f"C{number:02}" for number in range(1, 21)),
    *(f"S{number:02}" for number in range(1, 13)),
]
ROW = re.compile(r"^\|\s*(\d+|[WCS]\d\d)\s*\|")
NODE = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def rows(text: str) -> dict[str, list[str]]:
    """The lines of a page's tables by the row's number: more than one line where a number appears twice."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := ROW.match(line):
            found.setdefault(match[1], []).append(line)
    return found


def trouble(line: str) -> str:
    """What is wrong with a row; "" when it has four cells and shows a test or says why there is none."""
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) != 4 or not all(cells):
        return "not four filled cells"
    named = NODE.findall(cells[3])
    if not named:
        return "" if re.match(r"not here, because \w", cells[3], re.IGNORECASE) else "neither a test nor a reason"
    unknown = [f"{path}::{name}" for path, name in named if name not in names_in(path)]
    return f"no such test: {', '.join(unknown)}" if unknown else ""


@cache
def names_in(path: str) -> frozenset[str]:
    """The names of a module's test functions, without importing it."""
    if not (ROOT / path).is_file():
        return frozenset()
    tree = ast.parse((ROOT / path).read_text())
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"))


def test_every_scenario_has_exactly_one_row() -> None:
    found = Counter(row for page in PAGES for row, lines in rows(page.read_text()).items() for _ in lines)
    assert sorted(set(ROWS) - set(found)) == [], "rows that are missing"
    assert sorted(row for row, many in found.items() if many > 1) == [], "rows that are there twice"
    assert sorted(set(found) - set(ROWS)) == [], "rows of nothing"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_row_names_a_test_that_exists_or_a_reason(page: Path) -> None:
    wrong = {row: said for row, lines in rows(page.read_text()).items() for line in lines if (said := trouble(line))}
    assert wrong == {}


BAD = {
    "| 1 | told twice | nothing | |": "not four filled cells",
    "| 1 | told twice | nothing |": "not four filled cells",
    "| 1 | told twice | nothing | by hand |": "neither a test nor a reason",
    "| 1 | told twice | nothing | `tests/test_scenarios.py::test_none` |": "no such test: tests/test_scenarios.py::test_none",
    "| 1 | told twice | nothing | `tests/none.py::test_none` |": "no such test: tests/none.py::test_none",
}


@pytest.mark.parametrize(("line", "said"), BAD.items(), ids=BAD.values())
def test_a_row_that_shows_nothing_is_found(line: str, said: str) -> None:
    assert trouble(line) == said
    assert trouble("| 1 | told twice | nothing | `tests/test_scenarios.py::test_every_scenario_has_exactly_one_row` |") == ""
