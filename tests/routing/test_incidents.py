"""The names of incidents, when the borders of stretches of red change."""

from collections.abc import Callable
from datetime import UTC, datetime
from uuid import UUID

from service.model import Color, Run
from service.routing.incidents import NamedStretch, name_stretches
from service.routing.tracks import Stretch

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
OLD, YOUNG = UUID(int=101), UUID(int=102)
NEW = UUID(int=200)


def red(number: int, incident: UUID | None = None, *, is_late: bool = False) -> Run:
    return Run(
        id=UUID(int=number),
        event_id=UUID(int=number),
        track_id=1,
        pipeline_number=number,
        created_at=NOON,
        stopped_at=NOON,
        color=Color.RED,
        incident_id=incident,
        is_late=is_late,
    )


def ids() -> Callable[[], UUID]:
    """New ids, counted up."""
    following = iter(range(NEW.int, NEW.int + 10))
    return lambda: UUID(int=next(following))


def named(*stretches: Stretch) -> list[NamedStretch]:
    return name_stretches(stretches, ids())


def test_new_stretch_gets_a_new_id() -> None:
    [one] = named(Stretch(reds=[red(1)]))

    assert (one.id, one.merged, one.is_found_late) == (NEW, (), False)


def test_stretch_keeps_the_id_of_its_reds_or_of_the_incident_that_it_continues() -> None:
    assert [one.id for one in named(Stretch(reds=[red(1, OLD), red(2)]))] == [OLD]
    assert [one.id for one in named(Stretch(continues=OLD, reds=[red(2)]))] == [OLD]
    assert [one.id for one in named(Stretch(continues=OLD, reds=[]))] == [OLD]


def test_part_with_the_newest_red_of_a_divided_stretch_keeps_the_id() -> None:
    first, second = named(Stretch(reds=[red(1, OLD)]), Stretch(reds=[red(3, OLD)]))

    assert (first.id, second.id) == (NEW, OLD)
    assert (first.is_found_late, second.is_found_late) == (True, False)


def test_younger_id_of_two_stretches_that_became_one_stays_and_the_older_is_merged() -> None:
    [one] = named(Stretch(reds=[red(1, OLD), red(2), red(3, YOUNG), red(4, YOUNG)]))

    assert (one.id, one.merged) == (YOUNG, (OLD,))


def test_incident_that_another_stretch_keeps_is_not_merged() -> None:
    first, second = named(Stretch(reds=[red(1, OLD)]), Stretch(reds=[red(2, OLD), red(3, YOUNG)]))

    assert (first.id, second.id, second.merged) == (OLD, YOUNG, ())


def test_stretch_of_late_runs_is_found_late() -> None:
    assert [one.is_found_late for one in named(Stretch(reds=[red(1), red(2, is_late=True)]))] == [True]
