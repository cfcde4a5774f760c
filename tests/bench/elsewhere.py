"""Rows of the table that this benchmark does not measure: other programs count them."""

from tests.bench.rows import Row
from tests.bench.world import Bench


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
