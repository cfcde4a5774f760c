"""The roundsman.yaml of each process: valid files that differ, and the change from one to the other."""

import signal
from pathlib import Path

from tests.crash.fleet import Fleet, Member

ALWAYS = ("a", "b")
"""Receivers of every file: who is told of each broken or canceled workflow, whichever file a process goes by."""

BASE = """\
receivers:
  a: {{channels: ["json://127.0.0.1:{port}/a"]}}
  b: {{channels: ["json://127.0.0.1:{port}/b"]}}
  c: {{channels: ["json://127.0.0.1:{port}/c"]}}
routes:
  - match: {{status: [failed, canceled]}}
    continue: true
    receiver: a
  - match: {{status: [failed, canceled]}}
    continue: true
    receiver: b
  - name: of one person  # only CircleCI knows who that is
    match: {{status: failed, actor: ada}}
    continue: true
    receiver: c
"""

LARGER = """\
receivers:
  d: {{channels: ["json://127.0.0.1:{port}/d"]}}
  b: {{channels: ["json://127.0.0.1:{port}/b"]}}
  a: {{channels: ["json://127.0.0.1:{port}/a"]}}
  c: {{channels: ["json://127.0.0.1:{port}/c"]}}
routes:
  - name: more
    match: {{project: "*web*", status: [failed, canceled]}}
    continue: true
    receiver: d
  - name: renamed
    match: {{status: [failed, canceled, error]}}
    continue: true
    receiver: b
  - match: {{status: [failed, canceled]}}
    continue: true
    receiver: a
"""

FILES = (BASE, LARGER)


def write_all(fleet: Fleet, port: int, text: str = BASE) -> None:
    """Give each place of a fleet a file of its own."""
    for number, role in enumerate(fleet.database.roles):
        place = f"{role}-{number}"
        fleet.configs[place] = fleet.folder / f"{place}.yaml"
        write(fleet.configs[place], text.format(port=port))


def reconfigure(fleet: Fleet, member: Member, text: str, port: int) -> None:
    """Replace the file of one process by another, and have it read that."""
    write(fleet.configs[member.place], text.format(port=port))
    member.signal(signal.SIGHUP)


def write(file: Path, text: str) -> None:
    """Put the whole text in place of the file: a process that starts meanwhile reads one or the other."""
    new = file.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    Path(new).replace(file)
