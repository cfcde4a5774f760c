"""A process under test: no line of its log is lost between reading up to one and reading the rest."""

import subprocess
import sys

from tests.support.processes import Served

WRITER = """
import json, sys
sys.stderr.write("".join(json.dumps({"event": str(number)}) + "\\n" for number in range(2_000)))
"""


def test_lines_that_were_read_ahead_are_in_the_log() -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER], stderr=subprocess.PIPE, text=True) as process:
        served = Served(process=process)
        first = served.read_until("0")
        code = served.ended()

    assert (first, code) == ({"event": "0"}, 0)
    assert [line["event"] for line in served.log] == [str(number) for number in range(2_000)]
