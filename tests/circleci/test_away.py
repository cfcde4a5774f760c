"""An unreachable database: each page and each answer has a sentence about it."""

from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.support.app_fixture import Instance
from tests.support.databases import Database
from tests.support.operator_client import ADMIN_TOKEN
from tests.support.postgres import Server, name_of
from tests.test_hostile_data import filled_in, routes
from tests.web.test_private_responses import is_private

NEEDS_NO_DATABASE = ("/static/", "/healthz", "/login", "/logout", "/metrics", "/api/v1/openapi.json")


def shut(server: Server, database: Database) -> None:
    """Let nobody into a database any longer, and end the connections that are in it."""
    name = name_of(database.url)
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.mark.databases("postgres")
async def test_every_page_and_answer_says_that_the_database_is_away(
    instance: Instance, server: Server, database: Database
) -> None:
    addresses = [filled_in(path, str(uuid4())) for method, path in routes(instance) if method == "GET"]
    await instance.http.post("/login", data={"token": ADMIN_TOKEN})  # an operator who is logged in stays so
    shut(server, database)

    answers: dict[str, httpx.Response] = {}
    for address in addresses:
        if not address.startswith(NEEDS_NO_DATABASE) and "/link/" not in address:  # a forged token is not looked up
            answers[address] = await instance.http.get(address)

    assert {address: answer.status_code for address, answer in answers.items() if answer.status_code != 503} == {}
    assert len(answers) > 5
    assert [address for address, answer in answers.items() if "it cannot be reached" not in answer.text] == []
    assert [address for address, answer in answers.items() if "Traceback" in answer.text] == []
    assert [address for address, answer in answers.items() if not is_private(answer)] == []
