"""The subjects of an act that a person asked for: several ids, ids from standard input, or all dead letters."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import typer

from service.cli.output import print_json, say
from service.errors import BadRequest, RoundsmanError, Temporary

MAX_SUBJECTS = 10_000
MAX_LINE = 200  # characters; an id has 36
FROM_STDIN = "-"

Every = Annotated[bool, typer.Option("--all", help="Every dead letter instead of ids.")]
Sure = Annotated[bool, typer.Option("--yes", help="Do not ask before a bulk act.")]
Done = dict[str, Any]


def to_texts(given: Sequence[str] | None, *, every: bool) -> list[str] | None:
    """Return the ids that were typed, each once; None for all of them. Raises BadRequest."""
    if bool(given) == every:
        raise BadRequest("name ids, or - to read them from standard input, or --all; one of these")
    texts = [text for word in given or () for text in (_read_lines() if word == FROM_STDIN else [word])]
    if not every and not texts:
        raise BadRequest("there are no ids on standard input; write one a line")
    return None if every else list(dict.fromkeys(texts))


def _read_lines() -> list[str]:
    texts: list[str] = []
    for line in iter(lambda: sys.stdin.readline(MAX_LINE + 1), ""):
        if len(line) > MAX_LINE:
            raise BadRequest(f"a line of standard input has more than {MAX_LINE} characters; write one id a line")
        if line.strip():
            texts.append(line.strip())
        if len(texts) > MAX_SUBJECTS:
            raise BadRequest(f"more than {MAX_SUBJECTS} ids are on standard input; act in parts")
    return texts


def require_consent(verb: str, count: int, *, is_sure: bool) -> None:
    """Ask before a bulk act. Raises BadRequest where nobody can be asked, Abort where the answer is no."""
    if is_sure or not count:
        return
    if not sys.stdin.isatty():
        raise BadRequest(f"{verb} would act on {count} at once: add --yes, since no terminal is there to ask at")
    typer.confirm(f"{verb} {count} dead letter{'s' if count > 1 else ''}?", abort=True, err=True)


async def act_on_each(texts: Sequence[str], act: Callable[[str], Awaitable[Done]]) -> list[Done]:
    """Act on each subject, and return what came of each; one that fails leaves the others to be done.

    One subject alone fails as it is. Raises Temporary, with what was done said, where the database goes away.
    """
    if len(texts) == 1:
        return [await act(texts[0])]
    done: list[Done] = []
    for text in texts:
        try:
            done.append(await act(text))
        except Temporary as error:
            raise Temporary(f"{len(done)} of {len(texts)} were looked at, then: {error}") from error
        except RoundsmanError as error:
            done.append({"id": text, "error": str(error)})
    return done


def tell(done: Sequence[Done], *, as_json: bool, sentence: str, style: str = "") -> None:
    """Print what came of each subject. Ends with exit code 1 when one failed."""
    failed = [one for one in done if "error" in one]
    if as_json:
        print_json(done[0] if len(done) == 1 else {"items": list(done)})
    elif len(done) == 1:
        say(sentence, style)
    else:
        for one in failed:
            say(f"{one['id']}: {one['error']}", "yellow")
        counts = f"{len(done) - len(failed)} of {len(done)}" if done else "nothing waits for a person"
        say(f"{counts}: {sentence}" if len(done) > len(failed) else counts, style)
    if failed:
        raise typer.Exit(1)
