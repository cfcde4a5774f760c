"""The parts of the language of templates that need no Jinja2."""

BEGIN, END = "\ue000", "\ue001"  # around a value in the output: characters for private use, taken out of values


class BadTemplate(ValueError):
    """A template that cannot be used; its text says why."""
