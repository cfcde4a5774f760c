"""Savepoints: parts of a transaction that may fail by themselves."""

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy.exc import DBAPIError

from service.db.errors import translate_error
from service.db.tables import Transaction

Params = ParamSpec("Params")
Result = TypeVar("Result")


def in_savepoint(
    transaction: Transaction,
    work: Callable[Concatenate[Transaction, Params], Result],
    *args: Params.args,
    **kwargs: Params.kwargs,
) -> Result:
    """Run ``work`` as a part of a transaction that may fail by itself.

    An error undoes this part alone, and is raised.

    Raises Temporary when the database is away: the transaction cannot go on then.
    """
    try:
        with transaction.begin_nested():
            return work(transaction, *args, **kwargs)
    except DBAPIError as error:
        if (translated := translate_error("the database cannot be written now", error)) is None:
            raise
        raise translated from error
