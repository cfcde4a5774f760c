"""Priority at writing: urgent transactions go first, and the others are still served."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from service.db.transactions import PrioritySemaphore

TOO_LATE = "the database cannot be used now: other work of this process has not ended"


@asynccontextmanager
async def taken(semaphore: PrioritySemaphore, *, is_urgent: bool = False) -> AsyncIterator[None]:
    """Acquire the semaphore for the time of the block."""
    await semaphore.acquire(is_urgent=is_urgent)
    try:
        yield
    finally:
        semaphore.release()


class Writers:
    """Writers of one letter each, in the order in which they acquire the semaphore."""

    def __init__(self, wait_s: float = 30) -> None:
        self.semaphore = PrioritySemaphore(wait_s)
        self.written = ""
        self.tasks: list[asyncio.Task[None]] = []

    async def ask(self, letters: str, *, is_urgent: bool = False) -> None:
        self.tasks += [asyncio.create_task(self._write(letter, is_urgent=is_urgent)) for letter in letters]
        for _ in range(5):  # until every task waits for the semaphore
            await asyncio.sleep(0)

    async def _write(self, letter: str, *, is_urgent: bool) -> None:
        async with taken(self.semaphore, is_urgent=is_urgent):
            self.written += letter

    async def finish(self) -> str:
        await asyncio.gather(*self.tasks)
        return self.written


async def test_the_semaphore_is_acquired_in_the_order_of_asking() -> None:
    writers = Writers()
    async with taken(writers.semaphore):
        await writers.ask("abc")

    assert await writers.finish() == "abc"


async def test_one_writes_at_a_time() -> None:
    writers = Writers()
    async with taken(writers.semaphore, is_urgent=True):
        await writers.ask("a")
        await writers.ask("B", is_urgent=True)
        assert writers.written == ""

    assert len(await writers.finish()) == 2


async def test_an_urgent_writer_goes_before_the_others() -> None:
    writers = Writers()
    async with taken(writers.semaphore, is_urgent=True):
        await writers.ask("X", is_urgent=True)
        await writers.ask("abcd")

    assert await writers.finish() == "Xabcd"


async def test_an_urgent_writer_waits_for_one_other_at_most() -> None:
    writers = Writers()
    async with taken(writers.semaphore):
        await writers.ask("abcd")
        await writers.ask("X", is_urgent=True)

    assert await writers.finish() == "aXbcd"


async def test_with_two_permits_two_writers_run_at_once() -> None:
    semaphore = PrioritySemaphore(wait_s=30, at_once=2)

    async with asyncio.timeout(120), taken(semaphore), taken(semaphore):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01), taken(semaphore):
                pass


async def test_many_urgent_writers_do_not_starve_the_others() -> None:
    writers = Writers()
    async with taken(writers.semaphore, is_urgent=True):
        await writers.ask("XYZ", is_urgent=True)
        await writers.ask("ab")

    assert (await writers.finish()).index("a") <= 3


async def test_writers_that_time_out_do_not_block_later_ones() -> None:
    writers = Writers(wait_s=0.01)
    async with taken(writers.semaphore, is_urgent=True):
        await writers.ask("ab")
        outcomes = await asyncio.gather(*writers.tasks, return_exceptions=True)
    writers.tasks.clear()
    await writers.ask("c")

    assert [str(outcome) for outcome in outcomes] == [TOO_LATE, TOO_LATE]
    assert await writers.finish() == "c"


async def test_a_writer_that_fails_releases_the_semaphore() -> None:
    writers = Writers()
    with pytest.raises(ZeroDivisionError):
        async with taken(writers.semaphore):
            raise ZeroDivisionError

    await writers.ask("a")

    assert await writers.finish() == "a"
