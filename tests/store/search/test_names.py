"""Names as people type them into searches: in any case, as globs and lists, and literally where a name is like one."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from alembic import command

from service.db.database import Store
from service.db.migrate import alembic_config, migrate
from service.errors import BadRequest
from service.model import Actor, Commit, Event, EventKind, Job, Project, Workflow
from service.store.events import event_search, events
from service.store.events.filters import Search, escaped
from service.store.search import names
from tests.operations.test_queries import NINE, RED
from tests.support.app_fixture import still_writing
from tests.support.databases import Database

pytestmark = pytest.mark.databases("sqlite", "postgres")
on_both = pytest.mark.databases("sqlite", "postgres")
MANY = 60  # names: more than are walked one by one

ODD = {
    "a": "Main",
    "b": "MAIN",
    "c": "release/1.0",
    "d": "Release/2.0",
    "e": "a*b",
    "f": "axb",
    "g": "a,b",
    "h": "!x",
    "i": "fix[1]",
    "j": "fix1",
    "k": "Straße/Ü",
    "l": "back\\slash",
    "m": "50%_done",
    "n": "50 done",
}


def event(number: int, **changes: object) -> Event:
    made = replace(RED, id=UUID(int=number), happened_at=NINE + timedelta(minutes=number))
    return replace(made, **changes)  # type: ignore[arg-type]  # reason: fields of many types


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    """A store with an event on each odd branch, named by its letter, and one on none."""
    store = Store(database.url)
    for number, (letter, branch) in enumerate(ODD.items()):
        await store.write(events.put, event(100 + number, branch=branch, revision=letter))
    await store.write(events.put, event(99, branch=None, tag="v1", revision="-"))
    yield store
    await store.close()


async def found(store: Store, **wanted: list[str]) -> str:
    page = await store.read(event_search.search, Search(names=wanted), limit=200)
    return "".join(sorted(event.revision or "" for event in page.items))


AS_TYPED = {
    "main": "ab",
    "MAIN": "ab",
    "release/*": "cd",
    "RELEASE/?.0": "cd",
    "release/[1]*": "c",
    "main,release/1*": "abc",
    " main , release/2.0 ": "abd",
    "*,!main,!*/*": "efghijlmn",
    "!main": "-cdefghijklmn",
    "!*": "-",
    "a*b": "e",  # it is a name
    r"a\*b": "e",
    "a?b": "efg",
    "A*B": "e",
    "a,b": "g",  # it is a name
    r"a\,b": "g",
    r"a\,b,main": "abg",
    "!x": "h",  # it is a name
    r"\!x": "h",
    "fix[1]": "i",  # it is a name
    "fix[1],main": "abij",
    r"fix\[1\]": "i",
    "fix[12]": "j",
    "STRASSE/u\N{COMBINING DIAERESIS}": "k",
    "*/ü": "k",
    r"back\slash": "l",
    r"BACK\\SLASH": "l",
    "50%_done": "m",
    "50%*": "m",
    "50?done": "n",
    "5*": "mn",
    "nowhere": "",
    "no*where": "",
    ",": "",
    "!": "",
}


@pytest.mark.long
async def test_a_branch_is_found_as_people_type_it(store: Store) -> None:
    assert {branch: await found(store, branch=[branch]) for branch in AS_TYPED} == AS_TYPED


async def test_an_escaped_name_finds_that_name(store: Store) -> None:
    wanted = {}
    for branch in ODD.values():
        same = {name for name in ODD.values() if names.fold(name) == names.fold(branch)}
        wanted[branch] = "".join(letter for letter in ODD if ODD[letter] in same)

    assert {branch: await found(store, branch=[escaped(branch)]) for branch in wanted} == wanted


@on_both
async def test_every_name_of_an_event_is_found_in_any_case(store: Store) -> None:
    await store.write(
        events.put,
        event(
            1,
            kind=EventKind.JOB_COMPLETED,
            org="Big",
            project=Project(slug="github/Big/Shop-Api", name="Shop-Api"),
            workflow=Workflow(name="Build And Test"),
            job=Job(name="Unit"),
            status="Success",
            tag="V2",
            branch=None,
            commit=Commit(author_name="Doe, Jane", author_email="Jane@Example.com"),
            actor=Actor(login="renovate[bot]", name="Renovate Bot"),
            revision="1",
        ),
    )
    asked = {
        "project": ["gh/big/shop-*", "GITHUB/BIG/shop-api", "big/SHOP-*", "shop-api", "github/b*", "gh/*,!gh/acme/*"],
        "workflow": ["build and test", "BUILD A*"],
        "job": ["unit", "[tu]nit"],
        "status": ["SUCCESS", "success,error", "suc*"],
        "tag": ["v2", "v[2-9]"],
        "author": ["doe, jane", "DOE*", "jane@example.com", "*@EXAMPLE.com,!ada*", r"doe\, jane"],
        "actor": ["Renovate[BOT]", "renovate*", "renovate bot", r"renovate\[bot\]", "!ada"],
    }

    missed = [
        (name, text) for name, texts in asked.items() for text in texts if await found(store, **{name: [text]}) != "1"
    ]

    assert missed == []


@pytest.mark.long
@on_both
async def test_a_glob_that_fits_many_names_looks_at_the_events_themselves(store: Store) -> None:
    for number in range(MANY):
        branch, revision = f"Feature/{number:02}-Ü", "x" if number < 10 else "y"
        await store.write(events.put, event(200 + number, branch=branch, revision=revision))

    assert await found(store, branch=["feature/*"]) == "x" * 10 + "y" * (MANY - 10)
    assert await found(store, branch=["*-ü"]) == "x" * 10 + "y" * (MANY - 10)
    assert await found(store, branch=["feature/0*"]) == "x" * 10
    assert await found(store, branch=["feature/*,main"]) == "ab" + "x" * 10 + "y" * (MANY - 10)
    assert await found(store, branch=["feature/[1-5]*,main"]) == "ab" + "y" * (MANY - 10)
    assert await found(store, branch=["!feature/*"]) == "-" + "".join(ODD)
    assert await found(store, branch=["feature/*,!feature/0*"]) == "y" * (MANY - 10)


@pytest.mark.parametrize(
    ("pattern", "like"),
    [
        ("feature/*", "feature/%"),
        ("*topic?1*", "%topic%1%"),
        ("*-ü*", "%-%"),
        (r"50\%_\**", r"50\\\%\_*%"),
        ("fix[ab]x*", "fix%x%"),
        ("a[b*", "a[b%"),
        ("plain", "plain"),
    ],
)
def test_the_database_tries_as_much_of_a_glob_as_it_can(pattern: str, like: str) -> None:
    assert names.like(pattern) == like


@pytest.mark.long
@pytest.mark.databases("sqlite", "postgres")
@on_both
async def test_a_glob_that_fits_many_names_fills_its_first_page(store: Store) -> None:
    for number in range(MANY):
        await store.write(events.put, event(200 + number, branch=f"topic-{number}-ü"))
        await store.write(events.put, event(300 + number, branch=f"other-{number}"))

    page = await store.read(event_search.search, Search(names={"branch": ["*OPIC-*-Ü"]}), limit=5)

    assert [found.branch for found in page.items] == [f"topic-{number}-ü" for number in range(59, 54, -1)]


async def test_a_page_of_which_a_closer_look_left_nothing_leads_on(store: Store) -> None:
    for number in range(MANY):
        await store.write(events.put, event(200 + number, branch=f"feature/{number}"))

    first = await store.read(event_search.search, Search(names={"branch": ["!feature/*"]}), limit=50)

    assert first.items == []
    assert first.looked_back_to == NINE + timedelta(minutes=200 + MANY - 50)
    following = await store.read(
        event_search.search, Search(names={"branch": ["!feature/*"]}), limit=50, cursor=first.next
    )
    assert len(following.items) == len(ODD) + 1


async def test_an_event_without_names_on_record_is_found_by_its_exact_spelling(
    store: Store, database: Database
) -> None:
    """The release before this one puts none on record, and both work side by side while one replaces the other."""
    database.change("DELETE FROM names")

    assert await found(store, branch=["Main"]) == "a"
    assert await found(store, branch=["main"]) == ""
    assert await found(store, branch=["a*b"]) == "e"


async def test_a_name_longer_than_any_real_one_is_found_by_its_exact_spelling(store: Store) -> None:
    long = "ß" * 500
    await store.write(events.put, event(1, branch=long, revision="1"))

    assert await found(store, branch=[long]) == "1"


async def test_a_filter_takes_so_many_values_and_no_more(store: Store) -> None:
    assert await found(store, branch=[",".join(["main"] * 20)]) == "ab"

    with pytest.raises(BadRequest, match="'branch' may have 20 values, and it has 21; ask in parts"):
        await found(store, branch=[",".join(["main"] * 21)])


@pytest.mark.databases("sqlite", "postgres")
@on_both
async def test_names_are_forgotten_with_the_last_event_that_had_them(store: Store, database: Database) -> None:
    later = NINE + timedelta(days=30)
    await store.write(events.put, event(1, branch="Main", received_at=later))
    seen = database.rows("SELECT count(*) FROM names WHERE name = 'MAIN'")

    await store.write(names.forget, before=later)

    assert seen == [(1,)]
    assert database.rows("SELECT name FROM names WHERE field = 'branch' ORDER BY name") == [("Main",)]


@pytest.mark.databases("sqlite", "postgres")
@on_both
async def test_a_name_is_marked_as_seen_once_a_day(store: Store, database: Database) -> None:
    def seen() -> object:
        return database.rows("SELECT seen_at FROM names WHERE name = 'Main'")

    first = seen()
    await store.write(events.put, event(1, branch="Main", received_at=NINE + timedelta(hours=23)))
    same_day = seen()
    await store.write(events.put, event(2, branch="Main", received_at=NINE + timedelta(hours=25)))

    assert same_day == first
    assert seen() != first


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("mian", ["MAIN"]),
        ("relase/1.0", ["release/1.0", "Release/2.0"]),
        ("Release", ["Release/2.0", "release/1.0"]),
        ("*lease/*", ["Release/2.0", "release/1.0"]),
        ("zzzzzz", []),
        ("*", []),
        ("", []),
    ],
)
async def test_names_near_a_text_hold_it_or_are_spelled_like_it(store: Store, text: str, near: list[str]) -> None:
    found = await store.read(names.find_similar, "branch", text)

    assert {name.lower() for name in found} >= {name.lower() for name in near}
    assert bool(found) == bool(near)


@pytest.mark.long
@on_both
async def test_a_migration_puts_on_record_what_the_events_have(store: Store, database: Database) -> None:
    await store.write(events.put, event(1, project=Project(slug="gh/Big/api", name="api"), org="Big", tag="V1"))
    await store.write(events.put, event(2, project=Project(slug="bitbucket/x/y"), actor=Actor(login="ß" * 300)))
    wanted = database.rows("SELECT field, folded, name, seen_at FROM names ORDER BY field, folded, name")
    await store.close()

    command.downgrade(alembic_config(database.url), "0010")
    migrate(database.url)

    assert database.rows("SELECT field, folded, name, seen_at FROM names ORDER BY field, folded, name") == wanted
    assert ("project", "github/big/api", "github/Big/api") in [row[:3] for row in wanted]


@pytest.mark.databases("postgres")
async def test_transactions_with_the_same_known_names_do_not_wait_for_each_other(database: Database) -> None:
    store = Store(database.url)
    await store.write(events.put, RED)
    other = replace(RED, id=UUID(int=2 << 107))  # ids of one beginning would meet at one place

    async with still_writing(store, lambda transaction: events.put(transaction, replace(RED, id=UUID(int=3 << 107)))):
        await store.write(events.put, other)
        known = await store.read(events.find_all, [other.id])

    await store.close()
    assert known.keys() == {other.id}


@on_both
async def test_a_known_name_is_seen_again_after_a_day(database: Database) -> None:
    store = Store(database.url)
    later = replace(RED, id=UUID(int=2), received_at=RED.received_at + timedelta(days=2))

    await store.write(events.put, RED)
    await store.write(events.put, later)

    await store.close()
    assert database.rows("SELECT count(DISTINCT seen_at) FROM names") == [(1,)]


@pytest.mark.parametrize(
    ("org", "name", "full"),
    [("acme", "web", "acme/web"), ("acme", "acme/web", "acme/web"), (None, "web", None), ("acme", None, None)],
)
def test_an_organization_stands_before_a_name_once(org: str | None, name: str | None, full: str | None) -> None:
    assert names.full_name({"org": org, "project_name": name}) == full
