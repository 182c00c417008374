"""Runs tests on broken applications, each in a process of its own: ``python -m tests.mutants.forking`` reads lines of
``{"mutant": ..., "nodes": [...]}`` and answers each with the exit code and what pytest said.

The application is imported once, and each process is forked from there: most of the time would go into importing it anew.
"""

import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import pytest

# Plugins that were imported before pytest began: nothing asserts in them.
REWRITTEN = "ignore:Module already imported so cannot be rewritten:pytest.PytestAssertRewriteWarning"
OPTIONS = ("-q", "-x", "-p", "no:randomly", "-p", "no:cacheprovider", "--database", "sqlite", "--color", "no", "-W", REWRITTEN)


def main() -> None:
    import sandbox  # noqa: F401 - all that the tests will need
    import tests.conftest  # noqa: F401

    for line in sys.stdin:
        asked = json.loads(line)
        sys.stdout.write(json.dumps(run(asked["mutant"], asked["nodes"])) + "\n")
        sys.stdout.flush()


def run(mutant: str, nodes: list[str]) -> dict[str, Any]:
    """Those tests, in a fork."""
    with tempfile.TemporaryDirectory() as folder:
        said = Path(folder) / "said"
        child = os.fork()
        if child == 0:
            _become(mutant, nodes, said)
        _, status = os.waitpid(child, 0)
        return {"code": os.waitstatus_to_exitcode(status), "said": said.read_text(errors="replace")}


def _become(mutant: str, nodes: list[str], said: Path) -> None:
    """The child: never returns."""
    code = 70
    try:
        out = os.open(said, os.O_WRONLY | os.O_CREAT)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ["MUTANT"] = mutant
        from tests.mutants import plugin

        code = int(pytest.main([*OPTIONS, *nodes], plugins=[plugin]))
    except BaseException:  # noqa: BLE001 - whatever it is, the fork ends here
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
