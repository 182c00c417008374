"""25 kills on each database; and applications with a fault, which the same trial must find."""

import pytest

from tests.crash.trial import trial

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser")]  # not beside Chromium: both need the machine
SEED = 20261122


def test_nothing_acknowledged_is_lost_and_nothing_is_applied_twice(database: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = trial(database, kills=25, seed=SEED)
    with capsys.disabled():
        print(f"\n{report}", flush=True)  # noqa: T201 - a figure counts with its seed
    assert report.wrong == []
    assert report.kills.total() == 25
    assert report.acknowledged > 200


@pytest.mark.parametrize(
    ("mutant", "said"),
    [
        ("acknowledge-before-commit", "lost: "),
        ("apply-in-two-transactions", "not booked: "),
        ("book-by-event", "booked, but no such fact: "),
    ],
)
def test_it_finds_an_application_that_is_broken(mutant: str, said: str) -> None:
    report = trial("sqlite", kills=5, seed=SEED, mutant=mutant)
    assert any(line.startswith(said) for line in report.wrong), f"{report}: {report.wrong[:5]}"
