"""The operators of Roundsman, under ``operators:`` of roundsman.yaml."""

from typing import Annotated

from pydantic import AfterValidator

from service.config.shapes import Shape, receiver_name


class OperatorsShape(Shape):
    """The people who hear of Roundsman's own alarms."""

    receiver: Annotated[str, AfterValidator(receiver_name)]
