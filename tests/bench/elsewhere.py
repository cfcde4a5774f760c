"""Rows of the table that this benchmark does not measure: parts that are not built yet, and other programs' counts."""

from tests.bench.rows import Row
from tests.bench.world import Bench

NOT_BUILT = "not built yet"


async def incidents(_: Bench) -> list[Row]:
    """What incidents will add."""
    return [
        Row(what="incidents, judged while a backlog drains", where="", measured=NOT_BUILT, reach="as drain"),
        Row(what="Now page of 1,000 workflows", where="", measured=NOT_BUILT, reach="under 50 ms"),
        Row(what="grid of 50 x 30 cells", where="", measured=NOT_BUILT, reach="under 20 ms"),
    ]


async def others(_: Bench) -> list[Row]:
    """What other targets count."""
    return [
        Row(
            what="random rounds of kill, freeze, term, cut, skew, reconfigure",
            where="both",
            measured="counted by `make crash ROUNDS=200`",
            reach="0 lost; repeats only among sends in flight",
        ),
        Row(what="the tests", where="two cores", measured="timed by `make test`", reach="under 3 min"),
    ]
