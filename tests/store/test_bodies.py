"""Bodies are stored compressed, and read byte for byte as they came."""

import hashlib
import json
import random
import threading
from importlib.resources import files
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text, update

from service.db.database import Store
from service.db.tables import deliveries as table
from service.errors import Permanent, Temporary
from service.model import DeliveryState
from service.store.bodies import MAX_BYTES, NEWEST_DICTIONARY, pack, unpack
from service.store.deliveries import deliveries
from service.store.deliveries.deliveries import OPENING_BYTES
from service.testing.fake_circleci.payloads import as_bytes, workflow_completed
from tests.support.app_fixture import GREEN, an_instance
from tests.support.example_events import at_any_pace
from tests.support.neighbor_rows import a_delivery
from tests.support.train_dictionary import samples

SHIPPED = {"1.zdict": "3a6144c1f4d97d6b142224ef12c2e136bdce7532cb524aaa49d27464177c4d92"}
"""The hash of each dictionary: rows are stored with them, so none is ever changed or removed."""

WEBHOOK = as_bytes(workflow_completed(GREEN))
DOCUMENTED = sorted((Path(__file__).parents[1] / "payloads" / "circleci").glob("*.json"))
CHANCE = random.Random(5)
NOISE = CHANCE.randbytes(3_000)


def test_dictionaries_are_never_changed_or_removed() -> None:
    there = {
        file.name: hashlib.sha256(file.read_bytes()).hexdigest()
        for file in (files("service.store") / "dictionaries").iterdir()
    }

    assert there == SHIPPED
    assert f"{NEWEST_DICTIONARY}.zdict" in there


@at_any_pace
@given(st.binary(max_size=500) | st.text(max_size=300).map(str.encode) | st.sampled_from([WEBHOOK, NOISE, b""]))
def test_body_is_read_byte_for_byte_as_it_came(body: bytes) -> None:
    assert unpack(*pack(body)) == body


@pytest.mark.parametrize("size", [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1])
def test_body_around_the_limit_is_read_as_it_came(size: int) -> None:
    body = (WEBHOOK * (size // len(WEBHOOK) + 1))[:size]

    stored, dictionary_id = pack(body)

    assert unpack(stored, dictionary_id) == body
    assert dictionary_id == (NEWEST_DICTIONARY if size <= MAX_BYTES else None)


@pytest.mark.parametrize("file", DOCUMENTED, ids=lambda file: file.stem)
def test_documented_webhook_takes_less_than_half(file: Path) -> None:
    body = json.dumps(json.loads(file.read_bytes()), separators=(",", ":")).encode()

    stored, dictionary_id = pack(body)

    assert len(stored) < len(body) * (0.6 if file.stem == "ping" else 0.45)
    assert unpack(stored, dictionary_id) == body


def test_other_organizations_webhook_takes_a_third_at_most() -> None:
    bodies = list(samples(100, seed=99))  # of names and ids that the dictionary was not trained with

    assert sum(len(pack(body)[0]) for body in bodies) < sum(map(len, bodies)) / 3


def test_body_that_compression_would_lengthen_is_stored_as_it_is() -> None:
    assert pack(NOISE) == (NOISE, None)
    assert pack(b"") == (b"", None)


def test_row_of_the_time_before_compression_is_read_as_it_is() -> None:
    assert unpack(WEBHOOK, None) == WEBHOOK


def test_body_that_claims_to_be_larger_than_the_limit_is_refused_unread() -> None:
    bomb = zstandard.ZstdCompressor().compress(bytes(50 * MAX_BYTES))
    endless = zstandard.ZstdCompressor(write_content_size=False).compress(bytes(100))

    for stored in (bomb, endless):
        with pytest.raises(Permanent, match=r"a stored body is damaged: it claims to have -?[0-9]+ bytes"):
            unpack(stored, NEWEST_DICTIONARY)


@pytest.mark.parametrize("place", [0, 30, -1])
def test_damaged_body_is_no_other_body(place: int) -> None:
    stored = bytearray(pack(WEBHOOK)[0])
    stored[place] ^= 0xFF

    with pytest.raises(Permanent, match="a stored body is damaged"):
        unpack(bytes(stored), NEWEST_DICTIONARY)


def test_body_with_a_dictionary_of_a_newer_release_is_left_to_its_processes() -> None:
    with pytest.raises(Temporary, match="by a newer release, with dictionary 99"):
        unpack(pack(WEBHOOK)[0], 99)


def test_threads_compress_at_the_same_time() -> None:
    bodies = list(samples(200, seed=7))
    wrong: list[bytes] = []

    def work() -> None:
        wrong.extend(body for body in bodies if unpack(*pack(body)) != body)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


@pytest.fixture
async def store(database_url: str) -> Store:
    return Store(database_url)


@pytest.mark.databases("sqlite", "postgres")
async def test_delivery_is_kept_compressed_and_found_as_it_came(store: Store) -> None:
    compressed, plain = a_delivery(body=WEBHOOK), a_delivery(body=NOISE)
    await store.write(deliveries.keep_many, [compressed, plain])

    query = text("SELECT length(body), body_dictionary FROM deliveries ORDER BY body_dictionary IS NULL")
    sizes = await store.read(lambda transaction: [tuple(row) for row in transaction.execute(query)])
    found = [await store.read(deliveries.find, one.id) for one in (compressed, plain)]
    await store.close()

    assert sizes == [(len(pack(WEBHOOK)[0]), NEWEST_DICTIONARY), (len(NOISE), None)]
    assert found == [compressed, plain]


@pytest.mark.databases("sqlite", "postgres")
async def test_row_of_the_release_before_stays_as_it_is_beside_compressed_ones(store: Store) -> None:
    old, new = a_delivery(body=b"{}"), a_delivery(body=WEBHOOK)
    await store.write(deliveries.keep_many, [old, new])
    rewriting = update(table).where(table.c.id == old.id).values(body=WEBHOOK, body_dictionary=None)
    await store.write(lambda transaction: transaction.execute(rewriting))

    bodies = [(await store.read(deliveries.find, one.id)).body for one in (old, new)]
    await store.close()

    assert bodies == [WEBHOOK, WEBHOOK]


@pytest.mark.databases("sqlite", "postgres")
@pytest.mark.parametrize(
    "size", [0, 100, OPENING_BYTES - 1, OPENING_BYTES, OPENING_BYTES + 1, MAX_BYTES, MAX_BYTES + 9]
)
async def test_dead_letter_is_listed_with_the_beginning_and_the_length_of_its_body(store: Store, size: int) -> None:
    bodies = [(WEBHOOK * 60)[:size], CHANCE.randbytes(size)]
    dead = [a_delivery(body=body, state=DeliveryState.DEAD) for body in bodies]
    await store.write(deliveries.keep_many, dead)

    found = await store.read(lambda transaction: deliveries.find_dead(transaction, limit=10))
    await store.close()

    assert sorted((one.body, length) for one, length in found) == sorted(
        (body[:OPENING_BYTES], size) for body in bodies
    )


@pytest.mark.databases("sqlite", "postgres")
async def test_one_damaged_body_hides_nothing_else(folder: Path) -> None:
    async with an_instance(folder) as instance:
        lost, sound = await instance.finish(GREEN), await instance.send(b'{"id": "x"}')
        await instance.drain()
        instance.change("UPDATE deliveries SET body = substr(body, 1, 100)")

        shown = await instance.show(lost)
        await instance.act(f"deliveries/{lost}/replay")
        await instance.drain()
        dead = (await instance.dead_letters())["deliveries"]
        await instance.act(f"deliveries/{lost}/dismiss")
        left = [letter["id"] for letter in (await instance.dead_letters())["deliveries"]]

    assert (shown["status"], shown["decisions"][0]["verdict"]) == ("success", "not_matched")
    assert {letter["id"] for letter in dead} == {lost, sound.json()["delivery"]}
    assert next(letter["reason"] for letter in dead if letter["id"] == lost).startswith("a stored body is damaged: ")
    assert left == [sound.json()["delivery"]]
