"""A program with a look at its stacks every few milliseconds: ``python -m tests.bench.sampler FILE COMMAND``.

The counts are written to FILE four times a second, as JSON: the program may be
killed at any time. A thread that waits is not counted; on uvloop that includes its own work, which is not Python's.
"""

import gc
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType

from tests.bench.launch import start

EVERY_S = 0.005
WRITE_EVERY = 50
SWITCH_S = 0.000_1  # else a look comes when a thread waits for the disk or the network, and counts little else
WAITING = {
    *(("threading.py", "wait"), ("selectors.py", "select"), ("runners.py", "run"), ("thread.py", "_worker")),
    *(("waiting.py", "wait_c"), ("threads.py", "_work"), ("connection.py", "wait"), ("socket.py", "readinto")),
}


def sample(file: Path) -> None:
    """Count where each thread is, until the process ends."""
    counts: Counter[str] = Counter()
    own = threading.get_ident()
    sys.setswitchinterval(SWITCH_S)
    while True:
        for _ in range(WRITE_EVERY):
            time.sleep(EVERY_S)
            frames = [frame for thread, frame in current_frames().items() if thread != own]
            counts.update(place for frame in frames if (place := where(frame)))
        beside = file.with_suffix(".new")
        beside.write_text(json.dumps(counts), encoding="utf-8")
        beside.replace(file)


def current_frames() -> dict[int, FrameType]:
    """Return the innermost frame of each thread, without a collection of garbage meanwhile.

    The call holds the lock of the list of threads. Where it starts a collection that calls back into Python, the thread
    may lose the interpreter to one that waits for that lock, and the program stands still for good (CPython issue
    106883; later releases are mended).
    """
    gc.disable()
    try:
        return sys._current_frames()
    finally:
        gc.enable()


def where(frame: FrameType) -> str | None:
    """Return the innermost function of the service, and the library's below it; None for a thread that waits."""
    ours: FrameType | None = frame
    if (Path(frame.f_code.co_filename).name, frame.f_code.co_name) in WAITING:
        return None
    if "importlib" in frame.f_code.co_filename:
        return "import"
    while ours is not None and "/service/" not in ours.f_code.co_filename:
        ours = ours.f_back
    if ours is None:
        return _name(frame)
    return _name(ours) if ours is frame else f"{_name(ours)}, in {_name(frame)}"


def _name(frame: FrameType) -> str:
    """Return a function with its file, as seen from the package."""
    path = frame.f_code.co_filename
    for root in ("/site-packages/", "/service/"):
        path = path.rpartition(root)[2]
    return f"{'/'.join(path.rsplit('/', 2)[-2:])}: {frame.f_code.co_name}"


def main() -> None:
    file, *command = sys.argv[1:]
    threading.Thread(target=sample, args=(Path(file),), daemon=True).start()
    start(command)


if __name__ == "__main__":
    main()
