"""Turns at writing: the urgent go first, and nobody starves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.db.write_lock import Turns

TOO_LATE = "the database cannot be used now: others are still waiting for it"


@asynccontextmanager
async def taken(turns: Turns, *, is_urgent: bool = False) -> AsyncIterator[None]:
    """A turn that is had while the block runs."""
    await turns.take(is_urgent=is_urgent)
    try:
        yield
    finally:
        turns.give_back()


class Writers:
    """People who write one letter each when it is their turn, and let everybody look at it."""

    def __init__(self, wait_s: float = 30) -> None:
        self.turns = Turns(wait_s)
        self.written = ""
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, letters: str, *, is_urgent: bool = False) -> None:
        self.tasks += [asyncio.create_task(self._write(letter, is_urgent=is_urgent)) for letter in letters]
        for _ in range(5):  # until everybody has got in line
            await asyncio.sleep(0)

    async def _write(self, letter: str, *, is_urgent: bool) -> None:
        async with taken(self.turns, is_urgent=is_urgent):
            self.written += letter

    async def finish(self) -> str:
        await asyncio.gather(*self.tasks)
        return self.written


async def test_turns_are_taken_in_the_order_of_asking() -> None:
    writers = Writers()
    async with taken(writers.turns):
        await writers.ask("abc")

    assert await writers.finish() == "abc"


async def test_one_writes_at_a_time() -> None:
    writers = Writers()
    async with taken(writers.turns, is_urgent=True):
        await writers.ask("a")
        await writers.ask("B", is_urgent=True)
        assert writers.written == ""

    assert len(await writers.finish()) == 2


async def test_an_urgent_one_goes_before_all_the_others() -> None:
    writers = Writers()
    async with taken(writers.turns, is_urgent=True):
        await writers.ask("X", is_urgent=True)
        await writers.ask("abcd")

    assert await writers.finish() == "Xabcd"


async def test_only_who_is_next_already_goes_before_an_urgent_one() -> None:
    writers = Writers()
    async with taken(writers.turns):
        await writers.ask("abcd")
        await writers.ask("X", is_urgent=True)

    assert await writers.finish() == "aXbcd"


async def test_where_several_go_at_once_the_others_do_not_wait_for_each_other() -> None:
    turns = Turns(wait_s=30, at_once=2)

    async with asyncio.timeout(30), taken(turns), taken(turns):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), taken(turns):
                pass


async def test_many_urgent_ones_do_not_starve_the_others() -> None:
    writers = Writers()
    async with taken(writers.turns, is_urgent=True):
        await writers.ask("XYZ", is_urgent=True)
        await writers.ask("ab")

    assert (await writers.finish()).index("a") <= 3


async def test_a_turn_that_does_not_come_is_given_up_and_the_others_get_theirs() -> None:
    writers = Writers(wait_s=0.01)
    async with taken(writers.turns, is_urgent=True):
        await writers.ask("ab")
        outcomes = await asyncio.gather(*writers.tasks, return_exceptions=True)
    writers.tasks.clear()
    await writers.ask("c")

    assert [str(outcome) for outcome in outcomes] == [TOO_LATE, TOO_LATE]
    assert await writers.finish() == "c"


async def test_who_fails_passes_the_turn_on() -> None:
    writers = Writers()
    with pytest.raises(ZeroDivisionError):
        async with taken(writers.turns):
            raise ZeroDivisionError

    await writers.ask("a")

    assert await writers.finish() == "a"
