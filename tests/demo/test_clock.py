"""The clock of the story moves with the acts, ticks fast, never goes back, and ends at the true time."""

from datetime import UTC, datetime, timedelta

from service.demo.clock import SPEED, StoryClock

MORNING = datetime(2026, 3, 2, 8, tzinfo=UTC)
TRUE_TIME = datetime(2026, 3, 3, 10, tzinfo=UTC)


class Stopwatch:
    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_clock_moves_with_the_story_and_ticks_between_acts() -> None:
    stopwatch = Stopwatch()
    clock = StoryClock(MORNING, own=lambda: TRUE_TIME, stopwatch=stopwatch)
    stopwatch.seconds = 2.0

    assert clock() == MORNING + timedelta(seconds=2 * SPEED)
    clock.move_to(MORNING + timedelta(hours=1))
    assert clock() == MORNING + timedelta(hours=1)
    clock.move_to(MORNING)
    assert clock() == MORNING + timedelta(hours=1)


def test_clock_shows_the_true_time_after_the_story() -> None:
    clock = StoryClock(MORNING, own=lambda: TRUE_TIME)

    clock.end_story()

    assert clock() == TRUE_TIME
