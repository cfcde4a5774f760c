"""The circuit breaker, its trial calls, and requests shared by concurrent callers."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest

from service.circleci.api.breaker import MAX_FAILURES, Breaker
from service.circleci.api.circleci_api import CircleCIAPI
from service.circleci.api.client import Client, connect
from service.circleci.api.endpoints import ENDPOINTS
from service.circleci.api.request import Call
from service.circleci.api.responses import UserShape
from service.circleci.api.single_flight import SingleFlight
from service.circleci.api.users import UnknownUser, Users
from service.errors import Permanent, Temporary
from service.metrics import Metrics
from service.model import Actor
from tests.circleci.test_client import ADA, TOKEN, Answers, Clock, ok

ME = Call(endpoint=ENDPOINTS["me"])
LEFT_ALONE = "CircleCI left 4 calls in a row unanswered, so it is not asked for a while"


class Log:
    """A log that remembers its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, dict[str, object]]] = []

    def warning(self, event: str, **values: object) -> None:
        self.lines.append((event, values))


class Instance:
    """A client whose other end does as the test says at the time."""

    def __init__(self, answer: Answers) -> None:
        self.asked = 0
        self.reached = asyncio.Event()
        self.answer = answer
        self.clock, self.log, self.metrics = Clock(), Log(), Metrics()
        http = connect("https://ci.example.com", TOKEN, httpx.MockTransport(self._answer))
        self.client = Client(http, metrics=self.metrics, clock=self.clock, log=self.log)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.reached.set()
        answer = self.answer(request)
        return answer if isinstance(answer, httpx.Response) else await answer

    async def ask(self) -> str:
        """Ask for anything; the trouble it came to, or nothing."""
        try:
            await self.client.ask(ME, UserShape)
        except (Permanent, Temporary) as error:
            return str(error)
        return ""

    async def ask_in_vain(self, times: int = MAX_FAILURES) -> None:
        for _ in range(times):
            assert await self.ask()

    @property
    def is_open(self) -> float | None:
        return self.metrics.registry.get_sample_value("roundsman_circleci_breaker_open")


def failing(error: Exception) -> Answers:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


def well(_: httpx.Request) -> httpx.Response:
    return ok(**ADA)


def status(code: int) -> Answers:
    return lambda _: httpx.Response(code)


@pytest.mark.parametrize(
    "error",
    [httpx.ReadTimeout("x"), httpx.ConnectTimeout("x"), httpx.ConnectError("x"), httpx.RemoteProtocolError("x")],
)
async def test_after_four_calls_without_an_answer_none_is_made_for_half_a_minute(error: Exception) -> None:
    instance = Instance(failing(error))
    await instance.ask_in_vain()

    with pytest.raises(Temporary, match=LEFT_ALONE) as refused:
        await instance.client.ask(ME, UserShape)

    asked = 8 if isinstance(error, httpx.RemoteProtocolError) else 4  # a GET goes out once more
    assert (instance.asked, refused.value.retry_after_s, instance.is_open) == (asked, 30, 1)
    instance.clock.passes(29)
    assert await instance.ask() == LEFT_ALONE
    assert instance.asked == asked


async def test_one_trial_that_is_answered_closes_it() -> None:
    instance = Instance(failing(httpx.ReadTimeout("x")))
    await instance.ask_in_vain()
    instance.answer = well
    instance.clock.passes(30)

    assert [await instance.ask() for _ in range(3)] == ["", "", ""]
    assert instance.is_open == 0


async def test_one_trial_that_fails_keeps_it_open_for_as_long_again() -> None:
    instance = Instance(failing(httpx.ReadTimeout("x")))
    await instance.ask_in_vain()
    instance.clock.passes(30)

    assert await instance.ask() == "CircleCI did not answer in time"
    assert await instance.ask() == LEFT_ALONE
    assert instance.asked == 5


async def test_while_one_tries_the_others_do_not() -> None:
    gate = asyncio.Event()
    instance = Instance(failing(httpx.ReadTimeout("x")))
    await instance.ask_in_vain()
    instance.clock.passes(30)

    async def slowly(_: httpx.Request) -> httpx.Response:
        await gate.wait()
        return ok(**ADA)

    instance.answer = slowly
    instance.reached.clear()
    trial = asyncio.create_task(instance.ask())
    await instance.reached.wait()
    others = [await instance.ask() for _ in range(5)]
    gate.set()

    assert (others, await trial, instance.asked) == ([LEFT_ALONE] * 5, "", 5)


async def test_a_trial_that_its_asker_gives_up_makes_room_for_another() -> None:
    instance = Instance(failing(httpx.ReadTimeout("x")))
    await instance.ask_in_vain()
    instance.clock.passes(30)
    instance.answer = hanging
    instance.reached.clear()
    trial = asyncio.create_task(instance.ask())
    await instance.reached.wait()
    trial.cancel()
    await asyncio.wait({trial})
    instance.answer = well

    assert await instance.ask() == ""


async def hanging(_: httpx.Request) -> httpx.Response:
    await asyncio.Event().wait()
    return ok()


@pytest.mark.parametrize("code", [200, 401, 404, 429, 500, 503])
async def test_any_answer_is_an_answer(code: int) -> None:
    instance = Instance(failing(httpx.ReadTimeout("x")))
    for _ in range(3):
        await instance.ask_in_vain(3)
        instance.answer = status(code)
        await instance.ask()
        instance.clock.passes(3_600)
        instance.answer = failing(httpx.ReadTimeout("x"))

    assert (instance.asked, instance.is_open) == (12, 0)


async def test_a_clock_that_is_set_back_keeps_it_open_for_no_longer() -> None:
    instance = Instance(failing(httpx.ReadTimeout("x")))
    await instance.ask_in_vain()
    instance.answer = well
    instance.clock.passes(-3_600)

    assert await instance.ask() == ""


async def test_calls_that_stand_in_line_when_it_opens_are_not_made_one_after_the_other() -> None:
    instance = Instance(failing(httpx.ReadTimeout("x")))

    troubles = await asyncio.gather(*(instance.ask() for _ in range(40)))

    assert instance.asked < 8
    assert troubles.count(LEFT_ALONE) > 32


async def test_opening_and_closing_are_logged_once() -> None:
    instance = Instance(failing(httpx.ReadTimeout("x")))
    await instance.ask_in_vain(20)
    instance.clock.passes(30)
    await instance.ask_in_vain(20)
    instance.answer = well
    instance.clock.passes(30)
    for _ in range(5):
        await instance.ask()

    assert [line for line, _ in instance.log.lines] == [
        "CircleCI does not answer, so it is asked only now and then; messages go with less detail",
        "CircleCI answers again",
    ]


def test_only_a_call_that_had_its_time_counts_when_its_asker_gives_up() -> None:
    now = 0.0
    breaker = Breaker(clock=Clock(), report=lambda _is_open: None, log=None, timer=lambda: now)

    def give_up_after(seconds: float) -> None:
        nonlocal now
        with suppress(asyncio.CancelledError), breaker.admit():
            now += seconds
            raise asyncio.CancelledError

    for _ in range(10):
        give_up_after(1)
    with breaker.admit():
        pass
    for _ in range(MAX_FAILURES):
        give_up_after(8)

    with pytest.raises(Temporary, match=LEFT_ALONE), breaker.admit():
        pass


# A refused token


@pytest.mark.parametrize("code", [401, 403])
async def test_refused_token_is_logged_once_in_some_minutes_with_the_setting(code: int) -> None:
    instance = Instance(status(code))
    for _ in range(20):
        await instance.ask()
    instance.clock.passes(299)
    await instance.ask()
    told = list(instance.log.lines)
    instance.clock.passes(1)
    await instance.ask()

    [(line, values)] = told
    assert line == "CircleCI refuses the API token, so messages go without details"
    assert (values["status"], values["setting"]) == (code, "ROUNDSMAN_CIRCLECI_TOKEN")
    assert "put a valid personal token" in str(values["next_step"])
    assert len(instance.log.lines) == 2
    assert TOKEN not in repr(instance.log.lines)


async def test_other_refusals_are_no_news_about_the_token() -> None:
    instance = Instance(status(404))
    for code in (400, 404, 429, 500, 503):
        instance.answer = status(code)
        await instance.ask()

    assert instance.log.lines == []


# One question


async def test_one_person_that_sixteen_ask_for_is_one_call() -> None:
    instance = Instance(well)
    users = Users(CircleCIAPI(instance.client), instance.clock)

    found = await asyncio.gather(*(users.find("ada-id") for _ in range(16)))

    assert found == [Actor(id="ada-id", login="ada", name="Ada Example")] * 16
    assert instance.asked == 1


async def test_one_person_that_circleci_does_not_tell_is_one_call_too() -> None:
    instance = Instance(status(404))
    users = Users(CircleCIAPI(instance.client), instance.clock)

    found = await asyncio.gather(*(users.find("ada-id") for _ in range(16)), return_exceptions=True)

    assert [type(error) for error in found] == [UnknownUser] * 16
    assert instance.asked == 1


async def test_an_asker_that_leaves_takes_no_answer_from_the_others() -> None:
    arrived, gate = asyncio.Event(), asyncio.Event()

    async def question() -> str:
        arrived.set()
        await gate.wait()
        return "ada"

    flight = SingleFlight()
    first, second = (asyncio.create_task(flight.run("u1", question)) for _ in range(2))
    await arrived.wait()
    first.cancel()
    await asyncio.wait({first})
    gate.set()

    assert (first.cancelled(), await second) == (True, "ada")


async def test_a_question_that_all_have_left_is_ended_and_asked_anew_by_the_next() -> None:
    ended: list[str] = []

    async def asking(name: str) -> str:
        try:
            await asyncio.sleep(0 if name == "last" else timedelta(hours=1).total_seconds())
        except asyncio.CancelledError:
            ended.append(name)
            raise
        return name

    flight = SingleFlight()
    askers = [asyncio.create_task(flight.run("u1", lambda: asking("first"))) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for asker in askers:
        asker.cancel()
    await asyncio.wait(askers)

    assert await flight.run("u1", lambda: asking("last")) == "last"
    assert ended == ["first"]


async def test_one_error_is_every_askers() -> None:
    async def question() -> str:
        raise Temporary("not now", retry_after_s=7)

    flight = SingleFlight()
    found = await asyncio.gather(*(flight.run("u1", question) for _ in range(3)), return_exceptions=True)

    assert [str(error) for error in found] == ["not now"] * 3
