"""The page of health, its rows as JSON, and the form that sends a test message."""

from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from service.db.tables import Transaction
from service.errors import NotFound
from service.model import Receiver
from service.operations.health.health_page import read_health
from service.operations.health.health_state import HealthState
from service.operations.json_shapes import Json
from service.web.pages.asked import read_asked
from service.web.pages.context import PageContext
from service.web.pages.forms import read_form
from service.web.pages.now import first_run_state

PATH = "/health"
TEST_PATH = "/health/test"


async def show(context: PageContext, request: Request) -> Response:
    """Return the page of health; before the first post, the first run's steps."""
    session = await context.access.require_session(request)
    read_asked(request.query_params, ())
    facts = await context.health.read()
    shown = await context.read(_read, context, facts)
    shown["health"] = shown["state"]
    return await context.render_page(request, session, "health.html", **shown)


async def show_json(context: PageContext, request: Request) -> Response:
    """Return what the page of health shows as JSON."""
    await context.access.require(request)
    read_asked(request.query_params, ())
    facts = await context.health.read()
    return JSONResponse(await context.store.snapshot(_rows, context, facts))


async def ask_test(context: PageContext, request: Request) -> Response:
    """Return the page that asks whether to send a test message."""
    session = await context.access.require_session(request)
    receiver = _receiver(context, read_asked(request.query_params, ("receiver",)).get("receiver", ""))
    shown = await context.read(_nothing)
    return await context.render_page(request, session, "receiver_test.html", receiver=receiver, answers=None, **shown)


async def send_test(context: PageContext, request: Request) -> Response:
    """Send a test message to each channel of a receiver, and return their answers."""
    who = await context.access.require_form(request)
    session = await context.access.require_session(request)
    receiver = _receiver(context, (await read_form(request)).get("receiver", ""))
    answers = await context.health.send_test(receiver.name, who=who)
    shown = await context.read(_nothing)
    told = [asdict(one) for one in answers]
    return await context.render_page(request, session, "receiver_test.html", receiver=receiver, answers=told, **shown)


def _receiver(context: PageContext, name: str) -> Receiver:
    found = context.health.setting.receivers.get(name)
    if found is None:
        raise NotFound(f"roundsman.yaml has no receiver {name!a}")
    return found


def _nothing(_transaction: Transaction) -> Json:
    return {}


def _rows(transaction: Transaction, context: PageContext, facts: Json) -> Json:
    found = read_health(transaction, context.health.setting, context.clock())
    token = {name: facts[name] for name in ("owner", "token_problem", "calls")}
    found["service"] = {"checks": facts["checks"], **found["service"]}
    found["circleci"] |= token
    problems, hints = _problems(found), _hints(found)
    state = HealthState.TROUBLE if problems else HealthState.ATTENTION if hints else HealthState.WELL
    return {"state": str(state), "problems": problems, "hints": hints, **found}


def _problems(found: Json) -> list[str]:
    """Return what is wrong, each as the sentence of who found it."""
    wrong = [f"{one['name']}: {one['sentence']}" for one in found["service"]["checks"] if not one["ok"]]
    return [*wrong, *(one["sentence"] for one in found["alarms"])]


def _hints(found: Json) -> list[str]:
    """Return what asks for a person, though work goes on."""
    hooks = [one for one in found["hooks"]["items"] if one["state"] in {"refused", "missing"}]
    dead = found["service"]["dead_letters"]
    said = {
        "posts were refused of late: see Webhooks": found["webhooks"]["is_refusal_recent"],
        f"{len(hooks)} of the projects' hooks ask for a person: see Hooks": bool(hooks),
        f"dead letters wait for a person: {dead}": bool(dead),
        f"CircleCI's token: {found['circleci']['token_problem']}": bool(found["circleci"]["token_problem"]),
    }
    return [sentence for sentence, is_so in said.items() if is_so]


def _read(transaction: Transaction, context: PageContext, facts: Json) -> Json:
    shown = _rows(transaction, context, facts)
    is_first_run = shown["webhooks"]["last_accepted_at"] is None
    first_run = first_run_state(transaction, context) if is_first_run else {}
    return {**shown, "is_first_run": is_first_run, "steps": (), "address": None, "refusals": (), **first_run}
