"""``operators:`` of roundsman.yaml: who hears of Roundsman's own alarms."""

from pathlib import Path

import pytest

from tests.support.roundsman_yaml import ROUTE, File


@pytest.fixture
def file(tmp_path: Path) -> File:
    return File(tmp_path)


def test_their_receiver_is_named_and_counts_as_used(file: File) -> None:
    text = (
        ROUTE.replace("routes:", "  platform: {channels: [json://ops]}\nroutes:") + "operators: {receiver: platform}\n"
    )

    assert file.load(text).operators == "platform"
    assert file.warnings(text) == []
    assert file.load(ROUTE).operators is None


@pytest.mark.parametrize(
    ("operators", "complaint"),
    [
        ("{receiver: teem}", "operators.receiver teem is not one of the receivers; did you mean team?"),
        ("{}", "operators.receiver is missing"),
        ("{reciever: team}", "operators.reciever is not a key here; did you mean receiver?"),
        ("platform", "operators must hold lines of the form key: value"),
    ],
)
def test_a_mistake_is_named_with_its_place(file: File, operators: str, complaint: str) -> None:
    complaints = file.complaints(ROUTE + f"operators: {operators}\n")

    assert any(complaint in one for one in complaints), complaints
