"""Each mutant is caught by the test that it names, and without a mutant those tests pass.

A mutant runs in a process of its own (forking.py): what it breaks stays broken until the process ends. The processes share
the database that this one has migrated.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.conftest import ROOT, Databases
from tests.mutants import MUTANTS, all_of_them

Tested = Callable[..., tuple[int, str]]
pytestmark = pytest.mark.slow
all_of_them()


@pytest.fixture(scope="session")
def tested(databases: Databases) -> Iterator[Tested]:
    """``tested(mutant, *nodes)``: the exit code of those tests on that application ("": the sound one), and what pytest said."""
    databases.url("sqlite")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "HYPOTHESIS_"))}
    environment |= {"WELLSPRING_TEST_TEMPLATE": str(databases.folder / "template.db"), "COLUMNS": "400"}
    command = [sys.executable, "-m", "tests.mutants.forking"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as forking:
        asks, answers = forking.stdin, forking.stdout
        assert asks is not None
        assert answers is not None

        def run(mutant: str, *nodes: str) -> tuple[int, str]:
            asks.write(json.dumps({"mutant": mutant, "nodes": nodes}) + "\n")
            asks.flush()
            answer = json.loads(answers.readline())
            return answer["code"], answer["said"]

        yield run


def test_there_are_enough_of_them() -> None:
    assert len(MUTANTS) >= 16
    assert all(one.breaks and one.rule for one in MUTANTS.values())


def test_without_a_mutant_those_tests_pass(tested: Tested) -> None:
    """The control: it is the mutant that they catch."""
    nodes = sorted({one.caught_by for one in MUTANTS.values()})
    code, said = tested("", *nodes)
    assert (code, f"{len(nodes)} passed" in said) == (0, True), said


@pytest.mark.parametrize("name", MUTANTS)
def test_it_is_caught(name: str, tested: Tested) -> None:
    node = MUTANTS[name].caught_by
    code, said = tested(name, node)
    told = f"{name} in {node}:\n{said}"
    assert code == 1, told
    assert f"\nFAILED {node} - " in said, told
    assert "1 failed" in said.splitlines()[-1], told
    assert "\nERROR " not in said, told
    assert "Faulty" not in said, told
