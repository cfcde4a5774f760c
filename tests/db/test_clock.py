"""The database's clock: its last reading, carried on by a stopwatch."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from service.clock import DatabaseClock, Reading
from tests.support.app_fixture import NINE, Clock


@dataclass
class Stopwatch:
    """Seconds that a test lets pass."""

    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


def reading(at: float, *, later: float = 0.0, spread: float = 0.0) -> Reading:
    """What the other clock showed about a moment of the stopwatch: 09:30 and some seconds."""
    return Reading(time=NINE + timedelta(seconds=later), before_s=at - spread / 2, after_s=at + spread / 2)


def test_before_the_first_reading_it_is_this_machine_s() -> None:
    clock = DatabaseClock(Clock())

    assert (clock(), clock.offset_s, clock.is_off) == (NINE, 0, False)


def test_a_reading_is_carried_on_from_the_middle_of_its_journey() -> None:
    stopwatch = Stopwatch()
    clock = DatabaseClock(Clock(), stopwatch=stopwatch)

    clock.follow(Reading(time=NINE, before_s=100.0, after_s=100.5))
    stopwatch.seconds = 110.25

    assert clock() == NINE + timedelta(seconds=10)


def test_this_machine_s_own_clock_may_jump_and_is_said_to_be_off() -> None:
    own = Clock()
    clock = DatabaseClock(own, stopwatch=Stopwatch())
    clock.follow(reading(100.0))

    own.tick(minutes=10)
    ahead = [clock(), clock.offset_s, clock.is_off]
    said = [clock.comparison]
    own.tick(minutes=-20)
    said.append(clock.comparison)

    assert ahead == [NINE, 600, True]
    assert said == [f"the clock of this machine is 600 s {side} the database's" for side in ("ahead of", "behind")]


@pytest.mark.parametrize(("spread", "shown_later"), [(0.9, 5), (1.1, 0)])
def test_uncertain_reading_does_not_replace_an_earlier_one(spread: float, shown_later: float) -> None:
    clock = DatabaseClock(Clock(), stopwatch=Stopwatch())
    clock.follow(reading(100.0, spread=9))
    clock.follow(reading(100.0, later=5, spread=spread))

    assert clock() == NINE + timedelta(seconds=shown_later)
