"""What ``make chaos`` says of itself: a run that killed fewer than it promises does not end in silence."""

from tests.machine.__main__ import KILLS, Chaos


def test_fewer_kills_than_promised_are_said() -> None:
    chaos = Chaos(600)
    chaos.killed = {"sqlite": KILLS, "postgresql": 25}
    (line,) = chaos.missing()
    assert f"25 of {KILLS} on postgresql" in line
    chaos.killed["postgresql"] = KILLS
    assert chaos.missing() == []


def test_without_a_time_no_round_of_kills_is_left_out() -> None:
    assert Chaos(0).spent() < Chaos(0).kills_until
