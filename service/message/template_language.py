"""The language of templates: Jinja2 in a sandbox, and little of it.

A template can show names and attributes, choose, compare, and go through the lists of a message. It cannot call, set,
multiply, include or define, so that its time and size are bounded by its own length.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, Undefined, nodes
from jinja2.runtime import TemplateReference
from jinja2.sandbox import ImmutableSandboxedEnvironment

from service.message.template_marks import BEGIN, END, BadTemplate

MAX_TEMPLATE = 4_000  # characters
MAX_OUTPUT = 10_000
MAX_LOOPS = 4
MAX_NESTING = 2
LISTS = frozenset({"failed_tests", "failed_jobs", "mentions"})

_ALLOWED: tuple[type[nodes.Node], ...] = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Getattr, nodes.Getitem, nodes.Const),
    *(nodes.For, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not),
    *(nodes.Add, nodes.Sub, nodes.Concat, nodes.Filter, nodes.Test, nodes.Keyword, nodes.List, nodes.Tuple),
)
_NAMES_OF_NODES = {
    nodes.Call: "calls a function",
    nodes.Assign: "sets a name",
    nodes.AssignBlock: "sets a name",
    nodes.Macro: "defines a macro",
    nodes.Include: "includes a file",
    nodes.Import: "imports a file",
    nodes.FromImport: "imports a file",
    nodes.Extends: "extends a file",
}


def compile_template(text: str) -> Template:
    """Return the template of a text. Raises BadTemplate."""
    if len(text) > MAX_TEMPLATE:
        raise BadTemplate(f"has {len(text)} characters, and {MAX_TEMPLATE} are allowed")
    return _compile(text)


@cache
def _compile(text: str) -> Template:
    try:
        _require_allowed(_ENVIRONMENT.parse(text))
        return _ENVIRONMENT.from_string(text)
    except TemplateError as error:
        raise BadTemplate(f"is no template of Jinja2: {_sentence(error)}") from error
    except RecursionError as error:
        raise BadTemplate("is nested too deeply") from error


def render_template(template: Template, names: Mapping[str, Any]) -> str:
    """Return the output, with values between BEGIN and END. Raises BadTemplate."""
    output, length = [], 0
    try:
        for part in template.generate(names):
            length += len(part)
            if length > MAX_OUTPUT:
                raise BadTemplate(f"makes more than {MAX_OUTPUT} characters")
            output.append(part)
    except (TemplateError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
        raise BadTemplate(f"cannot be filled in: {_sentence(error)}") from error
    return "".join(output)


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _require_allowed(tree: nodes.Template) -> None:
    if len(list(tree.find_all(nodes.For))) > MAX_LOOPS:
        raise BadTemplate(f"has more than {MAX_LOOPS} loops")
    _require_nesting(tree, 0)
    for node in _every(tree):
        if not isinstance(node, _ALLOWED):
            what = _NAMES_OF_NODES.get(type(node), f"has a {type(node).__name__.lower()}")
            raise BadTemplate(f"{what}, which templates may not")
        if isinstance(node, nodes.For) and (node.recursive or _list_name(node) not in LISTS):
            raise BadTemplate(f"has a loop over something else than {', '.join(sorted(LISTS))}")


def _require_nesting(node: nodes.Node, depth: int) -> None:
    for child in node.iter_child_nodes():
        inner = depth + isinstance(child, nodes.For)
        if inner > MAX_NESTING:
            raise BadTemplate(f"has loops in loops, more than {MAX_NESTING} deep")
        _require_nesting(child, inner)


def _list_name(node: nodes.For) -> str | None:
    return node.iter.name if isinstance(node.iter, nodes.Name) else None


def _every(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    for child in node.iter_child_nodes():
        yield from _every(child)


def _mark(value: Any) -> str:
    """Return a value for the output, so that its text is known to be from outside."""
    text = "" if value is None else _text(value)
    return f"{BEGIN}{text.replace(BEGIN, '').replace(END, '')}{END}"


def _text(value: Any) -> str:
    """Return a fact in words.

    Raises TypeError for a method of one: ``subject.title`` shows no title.
    """
    if isinstance(value, TemplateReference) or (callable(value) and not isinstance(value, Undefined)):
        raise TypeError(f"{getattr(value, '__name__', 'self')!r} is no fact that a template can show")
    if isinstance(value, list | tuple):
        return _join(value, ", ")
    return str(value)[:MAX_OUTPUT]


def _join(values: Iterable[Any], between: object = "") -> str:
    if isinstance(values, str):
        return values[:MAX_OUTPUT]
    return str(between)[:100].join(str(value)[:1_000] for value in list(values)[:100])[:MAX_OUTPUT]


def _truncate(value: object, length: int = 100) -> str:
    text = _text(value)
    return text if len(text) <= length else f"{text[: max(length - 3, 0)]}..."


def _default(value: Any, other: Any = "") -> Any:
    return other if value is None or value == "" else value


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, finalize=_mark, keep_trailing_newline=False, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.clear()
    environment.filters = {
        "upper": lambda value: _text(value).upper(),
        "lower": lambda value: _text(value).lower(),
        "capitalize": lambda value: _text(value).capitalize(),
        "trim": lambda value: _text(value).strip(),
        "truncate": _truncate,
        "default": _default,
        "join": _join,
        "length": len,
        "first": lambda values: next(iter(values), None),
    }
    kept = ("defined", "none", "eq", "equalto", "ne", "in", "lt", "gt", "le", "ge")
    environment.tests = {name: environment.tests[name] for name in kept}
    return environment


_ENVIRONMENT = _environment()
