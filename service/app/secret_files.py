"""The files of secrets that variables NAME_FILE name, and their changes."""

from collections.abc import Mapping
from pathlib import Path

from service.config.settings import Settings, is_secret, variable

LOOK_EVERY_S = 60.0

Mark = tuple[int, int, int]


class SecretFiles:
    """The files of secrets of this process, looked at once a minute at most.

    A Kubernetes Secret is changed by a new symbolic link: what the names lead to is compared.
    """

    def __init__(self, environ: Mapping[str, str], *, every_s: float = LOOK_EVERY_S) -> None:
        self.every_s = every_s
        pointers = (f"{variable(name)}_FILE" for name in Settings.model_fields if is_secret(name))
        self._paths = tuple(Path(environ[pointer]) for pointer in pointers if environ.get(pointer))
        self._marks = self._read()

    def have_changed(self) -> bool:
        """Return whether a file is another than at the last call.

        A file that is away for the moment, while it is written anew, counts when it is there again.
        """
        marks = self._read()
        changed = [path for path, mark in marks.items() if self._marks.get(path) != mark]
        self._marks |= marks
        return bool(changed)

    def _read(self) -> dict[Path, Mark]:
        marks = {}
        for path in self._paths:
            try:
                found = path.stat()
            except OSError:
                continue
            marks[path] = (found.st_mtime_ns, found.st_ino, found.st_size)
        return marks
