"""The header that carries the API token."""

import pytest

from service.circleci.api.client import connect
from tests.circleci.test_client import TOKEN


@pytest.mark.parametrize(
    ("url", "header"),
    [
        ("https://circleci.com", ("authorization", f"Bearer {TOKEN}")),
        ("https://CircleCI.com/", ("authorization", f"Bearer {TOKEN}")),
        ("https://app.circleci.com", ("authorization", f"Bearer {TOKEN}")),
        ("https://ci.example.com", ("circle-token", TOKEN)),
        ("https://circleci.com.example.com", ("circle-token", TOKEN)),
        ("https://notcircleci.com", ("circle-token", TOKEN)),
        ("http://127.0.0.1:8000", ("circle-token", TOKEN)),
    ],
)
def test_token_goes_in_the_header_that_a_server_takes_since_ever_and_the_cloud_documents(
    url: str, header: tuple[str, str]
) -> None:
    http = connect(url, TOKEN, None)

    assert http is not None
    carried = [(name, value) for name, value in http.headers.items() if TOKEN in value]
    assert carried == [header]
