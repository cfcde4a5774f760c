"""Those who hold the admin token: how tests come in at the API and at the pages."""

from collections.abc import Generator

import httpx

ADMIN_TOKEN = "an-invented-admin-token"


class Operator(httpx.Auth):
    """Shows the admin token to the API, and logs in where a page wants a session. A header of its own stays."""

    def __init__(self, token: str = ADMIN_TOKEN) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        is_api = request.url.path.startswith("/api/")
        if is_api and "authorization" not in request.headers:
            request.headers["Authorization"] = f"Bearer {self._token}"
        response = yield request
        if is_api or response.status_code != 303 or not response.headers["location"].startswith("/login?"):
            return
        logged_in = yield httpx.Request("POST", request.url.join("/login"), data={"token": self._token})
        if "set-cookie" not in logged_in.headers:
            return
        request.headers["Cookie"] = logged_in.headers["set-cookie"].partition(";")[0]
        yield request
