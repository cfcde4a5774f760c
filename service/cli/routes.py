"""Commands that test routes: routes check, routes test."""

import asyncio
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from service.app.build_context import circleci
from service.app.simulation import open_simulation
from service.cli._backtest import backtest, load_for_trial
from service.cli._commands import Group
from service.cli._output import AsJson, print_json, say
from service.config.configuration import Config, load
from service.config.warnings import status_warning
from service.errors import BadConfig, Permanent
from service.metrics import Metrics
from service.model import Decision, Event, ExpectedMessage, Matcher, Verdict
from service.operations.json_shapes import Json, rfc3339
from service.operations.simulation.route_test import build_event, decide_trial, parse_facts, unknown_channels
from service.operations.simulation.route_tests import RouteTestResult, in_words, run_route_test
from service.routing.patterns import quote
from service.text import humanize

routes = Group("Try routes out; nothing is sent.")
routes.command("backtest")(backtest)

NO_EVENT = (
    "there is no event to try: give a file with a webhook's body, - for standard input, or facts such as "
    "--set project=gh/acme/web --set branch=main --set status=failed"
)

LEFT_OUT = "channels and variables are not looked at here: `roundsman check` does"

File = Annotated[
    Path | None, typer.Argument(metavar="FILE", help="A webhook's body, as CircleCI posts it; - reads standard input.")
]
Facts = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A fact, by its match key; repeatable. An empty value means absent."
    ),
]


@routes.command("check")
def check_command(as_json: AsJson = False) -> None:
    """Read roundsman.yaml, list its routes, and run its tests.

    Channels and the variables in them are not looked at; `roundsman check` does that. Exit code 1 when a test fails,
    with each message that is missing or was not expected; 2 when the file is not well formed, with file, line and next
    step.
    """
    config = load(os.environ, serving=False, sending=False)
    results = _run_tests(config)
    if as_json:
        shape = {"routes": [asdict(route) for route in config.routes], "warnings": list(config.warnings)}
        print_json({**shape, "tests": [_result_json(result) for result in results]})
    else:
        _print_routes(config)
        _print_results(results)
    if not all(result.is_passed for result in results):
        raise typer.Exit(1)


def _run_tests(config: Config) -> Sequence[RouteTestResult]:
    """Run the file's tests, one after the other, in one simulation."""
    if not config.tests:
        return []

    async def run() -> Sequence[RouteTestResult]:
        async with open_simulation(load_for_trial(None)) as simulation:
            return [await run_route_test(test, simulation) for test in config.tests]

    return asyncio.run(run())


def _result_json(result: RouteTestResult) -> Json:
    return {
        "name": result.name,
        "passed": result.is_passed,
        "missing": [_message_json(one) for one in result.missing],
        "unexpected": [_message_json(one) for one in result.unexpected],
    }


def _message_json(message: ExpectedMessage) -> Json:
    return {**vars(message), "at": rfc3339(message.at) if message.at else None}


def _print_results(results: Sequence[RouteTestResult]) -> None:
    for result in results:
        say(f"{'passed' if result.is_passed else 'FAILED'}  {result.name}", "green" if result.is_passed else "red")
        for one in result.missing:
            say(f"  - {in_words(one)}  expected, and not sent", "red")
        for one in result.unexpected:
            say(f"  + {in_words(one)}  sent, and not expected", "red")


def _print_routes(config: Config) -> None:
    for position, route in enumerate(config.routes, start=1):
        wants = "; ".join(_in_words(matcher) for matcher in route.matchers) or "every workflow"
        say(f"{position}. {route.name}: {wants} -> {route.receiver}{', and goes on' if route.continues else ''}")
    for warning in config.warnings:
        say(f"warning  {warning}", "yellow")
    say(LEFT_OUT)


def _in_words(matcher: Matcher) -> str:
    written = [*map(quote, matcher.patterns), *(f"!{quote(glob)}" for glob in matcher.excluded)]
    return f"{matcher.key} {', '.join(written)}"


@routes.command("test")
def try_command(file: File = None, facts: Facts = None, as_json: AsJson = False) -> None:
    """Show which routes match an event, and why others do not.

    The event is a webhook's body from a file, an invented one, or one with some facts changed:
    `roundsman routes test --set project=gh/acme/web --set branch=main --set status=failed`. Exit code 1 when no route
    matches.
    """
    config = _load_with_secrets()
    if file is None and not facts:
        raise BadConfig(NO_EVENT)
    event = _event(config, file, facts or [])
    decisions = decide_trial(config, event)
    if as_json:
        print_json({"decisions": [_trial_json(decision) for decision in decisions]})
    else:
        _print_decisions(decisions)
        for doubt in _doubts(config, event, decisions):
            say(f"warning  {doubt}", "yellow")
    if not any(decision.verdict is Verdict.MATCHED for decision in decisions):
        raise typer.Exit(1)


def _trial_json(decision: Decision) -> dict[str, Any]:
    """Return the shape of a decision that nothing is on record of."""
    shape = asdict(decision)
    del shape["verdict_today"]
    return shape


def _load_with_secrets() -> Config:
    """Return the configuration, if possible with the channels' secrets.

    They tell the services of channels, some of which get no good news.
    """
    try:
        return load(os.environ, serving=False)
    except BadConfig:
        return load(os.environ, serving=False, sending=False)


def _doubts(config: Config, event: Event, decisions: list[Decision]) -> Iterator[str]:
    if event.status and (doubt := status_warning(event.status)):
        yield doubt
    for label in unknown_channels(config, event, decisions):
        yield f"the URL of {label} is not set here; if it opens incidents, it is left out, for this is good news"


def _event(config: Config, file: Path | None, facts: list[str]) -> Event:
    try:
        body = _read(file, config.settings.max_body_bytes) if file else None
        return build_event(body, circleci(config, metrics=Metrics()), parse_facts(facts))
    except OSError as error:
        raise BadConfig(f"{file} cannot be read: {error.strerror}; name a file that this user may read") from error
    except Permanent as error:
        raise BadConfig(f"{file}: {error}") from error


def _read(file: Path, limit: int) -> bytes:
    """Return the bytes of a file, or of standard input for `-`.

    Raises BadConfig for more bytes than a webhook may have.
    """
    if str(file) == "-":
        body = sys.stdin.buffer.read(limit + 1)
    else:
        with file.open("rb") as stream:
            body = stream.read(limit + 1)
    if len(body) > limit:
        raise BadConfig(f"{file}: has more than the {limit} bytes that a webhook may have (ROUNDSMAN_MAX_BODY_BYTES)")
    return body


def _print_decisions(decisions: list[Decision]) -> None:
    for decision in decisions:
        style = "green" if decision.verdict is Verdict.MATCHED else ""
        say(f"{humanize(decision.verdict):<12} {decision.route} -> {decision.receiver}: {decision.reason}", style)
    if not decisions:
        say("roundsman.yaml has no routes: no receiver would be told")
