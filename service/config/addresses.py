"""Addresses of channels in roundsman.yaml: a URL, or a URL with a name."""

from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, ValidationInfo

from service.config.channel_urls import Address, resolve
from service.routing.patterns import to_nfc

_CHANNEL_KEYS = frozenset({"url", "name"})
_MAX_CHANNEL_NAME = 60


def not_empty(value: object) -> object:
    """Return a value that is no empty list. Raises ValueError."""
    # Not min_length: pydantic counts what is valid, so it would also complain of a list of mistakes.
    if value == []:
        raise ValueError("is an empty list; put something into it or remove it")
    return value


def _address(written: object, info: ValidationInfo[Any]) -> Address:
    if isinstance(written, dict) and written.keys() & _CHANNEL_KEYS:
        return _named_address(written, info)
    if not isinstance(written, str):
        raise ValueError("must be one address; put it in quotes if it has ': ' in it")  # noqa: TRY004 - pydantic's way
    return resolve(written, info.context.sources)


def _named_address(written: dict[object, object], info: ValidationInfo[Any]) -> Address:
    """Return the address of ``{url: ..., name: ...}``."""
    if written.keys() - _CHANNEL_KEYS:  # they are not named: an address that is not in quotes is one, with its secrets
        raise ValueError("has a key that is not known here; there are url and name")
    if "url" not in written:
        raise ValueError("has no url; write {url: ..., name: ...}, or the URL alone")
    if not isinstance(written["url"], str):
        raise ValueError("must be one address; put it in quotes if it has ': ' in it")  # noqa: TRY004 - pydantic's way
    address, name = _address(written["url"], info), written.get("name")
    if "name" not in written:
        return address
    if not isinstance(name, str) or not name.strip():
        raise ValueError("has an empty name; give it one in quotes, as in name: '#web', or leave it out")
    if len(name) > _MAX_CHANNEL_NAME or not name.isprintable():
        raise ValueError(f"has a name that is not one line of at most {_MAX_CHANNEL_NAME} characters; shorten it")
    return replace(address, name=to_nfc(name.strip()))


Addresses = Annotated[tuple[Annotated[InstanceOf[Address], BeforeValidator(_address)], ...], BeforeValidator(not_empty)]
