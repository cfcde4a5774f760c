"""Lines and tables on terminals of any width, and in a pipe."""

import io
import re

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from service.terminal import Column, print_line, print_table, print_url

STYLES = re.compile(r"\x1b\[[0-9;]*m|\x1b\]8;[^\x1b]*\x1b\\")
ADDRESS = "https://app.example.com/" + "a" * 150
COLUMNS = (
    Column(heading="when", short=10),
    Column(heading="status", cut_to=6, style=lambda status: "red" if status == "failed" else ""),
    Column(heading="name", cut_to=8),
    Column(heading="extra", cut_to=8, is_extra=True),
    Column(heading="why", can_wrap=True),
)
ROW = (
    "2026-03-02 09:30",
    "failed",
    "a-rather-long-name-" * 3,
    "beside it",
    "so many words that they need a second line " * 2,
)


def test_address_to_copy_is_one_line_and_a_link() -> None:
    terminal, pipe = console(40), console(40, is_terminal=False)
    print_url(terminal, ADDRESS)
    print_url(pipe, ADDRESS)

    assert STYLES.sub("", printed(terminal)) == printed(pipe) == f"{ADDRESS}\n"
    assert f";{ADDRESS}\x1b" in printed(terminal)


def console(width: int, *, is_terminal: bool = True) -> Console:
    return Console(
        file=io.StringIO(), width=width, force_terminal=is_terminal, color_system="truecolor", highlight=False
    )


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def lines(console: Console) -> list[str]:
    return STYLES.sub("", printed(console)).splitlines()


@pytest.mark.parametrize("width", range(64, 200, 7))
def test_table_fits_and_wrapped_text_stays_in_its_column(width: int) -> None:
    terminal = console(width)

    print_table(terminal, COLUMNS, [ROW, ("2026-03-02 09:31", "success", "部署流水線" * 9, "", "short")])

    shown = lines(terminal)
    assert max(map(cell_len, shown)) <= width
    first = next(line for line in shown if line.startswith("2026-03-02  failed"))
    offset = first.index("so many")
    assert all(line[:offset].isspace() for line in shown if "second" in line and line is not first)
    assert " ".join(" ".join(line[offset:] for line in shown[1:-1]).split()) == ROW[-1].strip()


def test_in_a_pipe_all_is_whole() -> None:
    pipe = console(40, is_terminal=False)

    print_table(pipe, COLUMNS, [ROW])
    print_line(pipe, Text(f"see {ADDRESS} for more"))

    assert all(cell.strip() in printed(pipe) for cell in ROW)
    assert f"see {ADDRESS} for more\n" in printed(pipe)


def test_extra_columns_are_dropped_first_and_uncut_columns_stay() -> None:
    narrow = console(60)

    print_table(narrow, COLUMNS, [ROW])

    assert lines(narrow)[0].split() == ["when", "status", "name", "why"]
    assert "\x1b[31mfailed" in printed(narrow)
    assert "…" in lines(narrow)[1]


@pytest.mark.parametrize("name", ["payments (json)", "部署流水線部署流水線"])
def test_names_that_differ_at_their_ends_stay_apart_when_they_are_cut(name: str) -> None:
    columns = [Column(heading="channel", cut_to=8, keeps_end=True), Column(heading="id")]
    narrow = console(20)

    print_table(narrow, columns, [(f"{name}{number}", "3f2c8a52") for number in range(3)])

    cells = [line.removesuffix("3f2c8a52").rstrip() for line in lines(narrow)[1:]]
    assert [cell[-1] for cell in cells] == ["0", "1", "2"]
    assert all("…" in cell and cell[0] == name[0] and cell_len(cell) <= 10 for cell in cells)


@pytest.mark.parametrize(
    ("projects", "shown"),
    [
        (["acme/web", "acme/shop-api"], ["web", "shop-api"]),
        (["acme/web", "ajax/web"], ["acme/web", "ajax/web"]),
        (["acme/web", "–"], ["acme/web", "–"]),
        (["acme/web"], ["web"]),
        (["/acme/web", "acme/web"], ["/acme/web", "acme/web"]),
        (["gh/acme/web", "gh/acme/api"], ["web", "api"]),
    ],
)
def test_organization_that_all_share_is_left_out_where_there_is_no_room(projects: list[str], shown: list[str]) -> None:
    columns = [Column(heading="project", cut_to=12, drops_path=True), Column(heading="id")]
    rows = [(project, "/3f2c8a5" * 3) for project in projects]
    wide, narrow = console(60), console(30)

    print_table(wide, columns, rows)
    print_table(narrow, columns, rows)

    assert [line.split()[0] for line in lines(wide)[1:]] == projects
    assert [line.split() for line in lines(narrow)[1:]] == [[project, "/3f2c8a5" * 3] for project in shown]


def test_names_stay_legible_as_long_as_an_extra_column_can_be_left_out() -> None:
    columns = [Column(heading="test", cut_to=8), Column(heading="evidence", cut_to=8, is_extra=True)]
    narrow = console(24)

    print_table(narrow, columns, [("test_of_vouchers", "it failed in its last run")])

    assert lines(narrow) == ["test", "test_of_vouchers"]


@pytest.mark.parametrize(
    "whole",
    [
        "incident 3f2c8a52",
        "notification 05a68af8-b101-427c-ae92-738e8f776201",
        "2026-11-29 09:12:00 UTC",
        "2026-11-29 09:12 UTC",
        "`roundsman serve`",
    ],
)
@pytest.mark.parametrize("width", [60, 80])
def test_words_that_are_read_as_one_stay_on_one_line(whole: str, width: int) -> None:
    for before in range(width):
        terminal = console(width)

        print_line(terminal, Text(f"{'x' * before} {whole}, and so many words that they need another line {'x' * 40}"))

        assert any(whole in line for line in lines(terminal))
        assert max(map(cell_len, lines(terminal))) <= width


def test_letters_of_private_use_stay_as_they_are() -> None:
    terminal = console(60)

    print_line(terminal, Text(f"{'word ' * 12}\ue000 incident 3f2c8a52 \ue000\ue000"))

    assert " ".join(lines(terminal)).count("\ue000") == 3


@pytest.mark.parametrize(
    "sentence", ["", "   ", "one", "  an indented sentence of many words " * 9, "x" * 300, "部" * 99]
)
@pytest.mark.parametrize("width", [20, 80])
def test_a_sentence_keeps_its_words_and_fits(sentence: str, width: int) -> None:
    terminal = console(width)

    print_line(terminal, Text(sentence))

    assert max(map(cell_len, lines(terminal)), default=0) <= width
    assert "".join("".join(lines(terminal)).split()) == "".join(sentence.split())


def test_each_part_of_an_address_leads_to_the_whole() -> None:
    terminal = console(80)

    print_line(terminal, Text(f"see {ADDRESS}, or not"))

    links = re.findall(r"\x1b\]8;id=\d+;(https[^\x1b]+)\x1b", printed(terminal))
    assert len(links) > 1
    assert set(links) == {ADDRESS}


def test_a_terminal_without_colors_gets_none_and_no_links() -> None:
    dumb = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)

    print_line(dumb, Text(f"see {ADDRESS}"))

    assert "\x1b" not in printed(dumb)
