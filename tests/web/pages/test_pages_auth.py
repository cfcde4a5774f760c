"""The pages' doors: logging in and out, forms, the way back, and the headers that keep a page to itself."""

import re
from urllib.parse import urlencode
from uuid import UUID

import httpx
import pytest
from structlog.testing import capture_logs

from service.model import Action, DeliveryState
from service.store.audit import actions
from service.store.deliveries import deliveries
from service.store.deliveries.dead_causes import digest_of
from tests.support.operator_client import ADMIN_TOKEN as TOKEN
from tests.support.pages_fixture import LOOPBACK, PUBLIC_URL, Instance, browser, instance, text

__all__ = ["browser", "instance"]  # pytest finds fixtures by name

EVIL_PATHS = [
    *("//evil.example", "/\\evil.example", "\\\\evil.example", "https://evil.example", "javascript:alert(1)", "evil"),
    *("/\t/evil.example", "\t//evil.example", "/\n/evil.example", " //evil.example", "/x\\evil", "/x y", ""),
]


def stranger(instance: Instance) -> httpx.AsyncClient:
    """Somebody who holds the token, and has not shown it yet."""
    return instance.stranger(public_url=PUBLIC_URL)


def session_of(client: httpx.AsyncClient) -> str:
    return f"roundsman={client.cookies['roundsman']}"


async def done(instance: Instance, subject_id: UUID) -> list[Action]:
    return await instance.store.read(lambda transaction: list(actions.of_subjects(transaction, [subject_id])))


# In and out


@pytest.mark.parametrize("path", ["/", "/dead-letters?done=replay", f"/builds/{UUID(int=1)}"])
async def test_without_a_session_a_page_leads_to_the_login_and_from_there_to_itself(
    instance: Instance, path: str
) -> None:
    async with stranger(instance) as client:
        turned_away = await client.get(path)
        form = await client.get(turned_away.headers["location"])
        wanted = form.text.partition('name="next" value="')[2].partition('"')[0]
        let_in = await client.post("/login", data={"token": TOKEN, "next": wanted})
        page = await client.get("/dead-letters")

    assert (turned_away.status_code, let_in.status_code) == (303, 303)
    assert turned_away.headers["location"].startswith("/login?next=%2F")
    assert let_in.headers["location"] == path
    assert "Log out" in page.text


async def test_a_wrong_token_shows_the_form_again_and_leaves_a_line_in_the_log(instance: Instance) -> None:
    async with stranger(instance) as client:
        with capture_logs() as lines:
            page = await client.post("/login", data={"token": "my-mistyped-token", "next": "/dead-letters"})

    assert page.status_code == 401
    assert "That is not the admin token" in text(page)
    assert 'name="next" value="/dead-letters"' in page.text
    assert "my-mistyped-token" not in page.text
    assert lines == [{"event": "login refused", "log_level": "warning", "client": "127.0.0.1", "door": "pages"}]


@pytest.mark.parametrize("path", EVIL_PATHS)
async def test_the_login_never_redirects_to_another_site(instance: Instance, path: str) -> None:
    async with stranger(instance) as client:
        form = await client.get("/login", params={"next": path})
        let_in = await client.post("/login", data={"token": TOKEN, "next": path})

    assert 'name="next" value="/"' in form.text
    assert let_in.headers["location"] == "/"


@pytest.mark.parametrize(
    "query", ["next=%2F%2Fevil.example", "next=%2f%5cevil.example", "next=/%09/evil.example", "x=y"]
)
async def test_nor_when_the_address_is_encoded(instance: Instance, query: str) -> None:
    async with stranger(instance) as client:
        form = await client.get(f"/login?{query}")

    assert 'name="next" value="/"' in form.text


async def test_logging_out_ends_the_session(instance: Instance) -> None:
    async with stranger(instance) as client:
        await client.post("/login", data={"token": TOKEN})
        gone = await client.post("/logout")
        page = await client.get("/builds")

    assert gone.headers["location"] == "/login"
    assert page.status_code == 303


# Replay, resend, dismiss


async def test_a_delivery_is_replayed_once_and_on_record(instance: Instance, browser: httpx.AsyncClient) -> None:
    came = await instance.deliver(state=DeliveryState.DEAD)

    answer = await browser.post(
        f"/deliveries/{came.id}/replay",
        headers={"Referer": "http://127.0.0.1:8000/dead-letters?channel=web"},
    )
    elsewhere = await browser.get("/builds")
    back = await browser.get(answer.headers["location"])
    reloaded = await browser.get(answer.headers["location"])
    page = await browser.get(f"/builds/{came.id}")

    assert (answer.status_code, answer.headers["location"]) == (303, "/dead-letters?channel=web")
    assert "The delivery is being judged again." in text(back)
    assert "is being judged again" not in text(elsewhere) + text(reloaded)
    assert (await instance.store.read(deliveries.find, came.id)).state is DeliveryState.KEPT
    assert await done(instance, came.id) == [Action(verb="replay", subject_id=came.id, who="admin", at=instance.now)]
    assert "Operators' actions today 09:12 replay by admin" in text(page)


async def test_a_notification_is_resent_and_on_record(instance: Instance) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.give_up(notification, "gone")
    async with stranger(instance) as client:
        await client.post("/login", data={"token": TOKEN})
        headers = {"Referer": f"{PUBLIC_URL}/builds/{event.id}", "Origin": PUBLIC_URL}
        answer = await client.post(f"/notifications/{notification.id}/resend", headers=headers)
        back = await client.get(answer.headers["location"])

    assert answer.headers["location"] == f"/builds/{event.id}"
    assert "The notification is being sent again." in text(back)
    assert await instance.enqueued() == {("send", notification.id)}
    assert [action.who for action in await done(instance, notification.id)] == ["admin"]


async def test_what_is_being_sent_is_not_resent_and_the_page_says_why(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    notification = await instance.owe(await instance.build())
    await instance.try_to_send(notification)

    headers = {"Referer": f"{LOOPBACK}/dead-letters"}
    answer = await browser.post(f"/notifications/{notification.id}/resend", headers=headers)

    assert answer.status_code == 409
    assert f"Notification {notification.id} is being sent: see what comes of this attempt" in text(answer)
    assert await done(instance, notification.id) == []


async def test_all_of_one_cause_are_resent_at_once(instance: Instance, browser: httpx.AsyncClient) -> None:
    dead = [await instance.owe(await instance.build()) for _ in range(3)]
    for notification in dead:
        await instance.give_up(notification, "Slack answered 410")
    await browser.get("/dead-letters")

    address = f"/dead-letters/{digest_of(('web-team (slack)', 'Slack answered 410'))}"
    sent = await browser.post(f"{address}/resend")
    back = await browser.get(sent.headers["location"])
    gone = await browser.post(f"{address}/resend")

    assert "They are being sent again." in text(back)
    assert len(await instance.enqueued()) == 1  # one channel is told one message at a time
    assert (gone.status_code, "nothing of this cause" in text(gone).lower()) == (409, True)
    assert [len(await done(instance, one.id)) for one in dead] == [1, 1, 1]
    assert sent.status_code == 303


async def test_all_of_one_cause_are_dismissed_at_once_and_others_stay(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    dead = [await instance.owe(await instance.build()) for _ in range(3)]
    for notification, reason in zip(dead, ("Slack answered 410", "Slack answered 410", "other"), strict=True):
        await instance.give_up(notification, reason)
    before = await browser.get("/dead-letters")

    address = f"/dead-letters/{digest_of(('web-team (slack)', 'Slack answered 410'))}/dismiss"
    sent = await browser.post(address, data={"because": "told by phone"})
    after = await browser.get(sent.headers["location"])
    again = await browser.post(address)

    assert address in before.text
    assert "Dismissed, and on record. They can still be sent again." in text(after)
    assert [len(await done(instance, one.id)) for one in dead] == [1, 1, 0]
    assert again.status_code == 409


@pytest.mark.long
@pytest.mark.parametrize(("because", "on_record"), [("told by phone", "by admin: told by phone"), ("", "by admin")])
async def test_a_notification_is_dismissed_and_on_record(
    instance: Instance, browser: httpx.AsyncClient, because: str, on_record: str
) -> None:
    event = await instance.build()
    notification = await instance.owe(event)
    await instance.give_up(notification, "Slack answered 410")
    form = {"because": because}

    answer = await browser.post(
        f"/notifications/{notification.id}/dismiss", data=form, headers={"Referer": f"{LOOPBACK}/dead-letters"}
    )
    back = await browser.get(answer.headers["location"])
    page = await browser.get(f"/builds/{event.id}")

    assert "Dismissed, and on record." in text(back)
    assert "There are no dead letters." in text(back)
    assert "web-team (slack) not delivered, dismissed Resend to web-team (slack) Slack answered 410" in text(page)
    assert f"Dismissed today 09:12 {on_record} by route" in text(page)
    assert f"today 09:12 dismiss of web-team (slack) {on_record}" in text(page)
    assert "/dismiss" not in page.text


async def test_a_delivery_is_dismissed_and_on_record(instance: Instance, browser: httpx.AsyncClient) -> None:
    came = await instance.deliver(state=DeliveryState.DEAD, reason="the type is not known")
    form = {"because": "a test of ours"}

    answer = await browser.post(f"/deliveries/{came.id}/dismiss", data=form)
    page = await browser.get(answer.headers["location"])
    waiting = await browser.get("/dead-letters")

    assert "– dismissed the type is not known It was not understood, and no notification was sent." in text(page)
    assert "State dismissed: the type is not known" in text(page)
    assert "Dismissed today 09:12 by admin: a test of ours" in text(page)
    assert "There are no dead letters." in text(waiting)


async def test_only_what_waits_for_a_person_can_be_dismissed(instance: Instance, browser: httpx.AsyncClient) -> None:
    event = await instance.build()
    await instance.give_up(await instance.owe(event), "gone")

    answer = await browser.post(f"/deliveries/{event.id}/dismiss")

    assert answer.status_code == 409
    assert "only a dead letter can be dismissed" in text(answer)


@pytest.mark.parametrize("path", ["/login", "/deliveries/{}/dismiss", "/logout"])
async def test_a_form_with_a_field_twice_is_refused(instance: Instance, browser: httpx.AsyncClient, path: str) -> None:
    came = await instance.deliver(state=DeliveryState.DEAD)
    await browser.get("/builds")
    twice = urlencode([("token", TOKEN), ("because", "this"), ("because", "that")])

    answer = await browser.post(path.format(came.id), content=twice)
    page = await browser.get("/dead-letters")

    assert answer.status_code == 400
    assert "The form has 'because' twice; send it once" in text(answer)
    assert "set-cookie" not in answer.headers
    assert page.status_code == 200
    assert await done(instance, came.id) == []


async def test_a_page_of_another_site_replays_nothing(instance: Instance, browser: httpx.AsyncClient) -> None:
    came = await instance.deliver(state=DeliveryState.DEAD)
    answer = await browser.post(f"/deliveries/{came.id}/replay", headers={"Origin": "https://evil.example"})

    assert answer.status_code == 403
    assert await instance.enqueued() == set()


@pytest.mark.parametrize(
    "path", [f"/{what}" for what in ("deliveries/{}/replay", "notifications/{}/resend", "notifications/{}/dismiss")]
)
async def test_what_is_not_there_cannot_be_acted_on(instance: Instance, browser: httpx.AsyncClient, path: str) -> None:
    await instance.deliver(state=DeliveryState.DEAD)

    answer = await browser.post(path.format(UUID(int=1)))

    assert answer.status_code == 404
    assert "There is no such page There is no " in text(answer)


@pytest.mark.parametrize(
    ("referer", "wanted"),
    [
        ("https://ci.example.com/builds/1?tab=%22x", "/builds/1?tab=%22x"),
        ("", "/builds"),
        ("https://ci.example.com/", "/builds"),
        ("https://ci.example.com//evil.example", "/builds"),
        ("https://[evil", "/builds"),
    ],
)
async def test_a_form_sent_after_the_session_ended_leads_back_to_its_page(
    instance: Instance, referer: str, wanted: str
) -> None:
    async with stranger(instance) as client:
        answer = await client.post(f"/notifications/{UUID(int=1)}/resend", headers={"Referer": referer})
        await client.post("/login", data={"token": TOKEN})
        back, again = await client.get(wanted), await client.get(wanted)

    assert answer.status_code == 303
    assert httpx.URL(answer.headers["location"]).params["next"] == wanted
    assert ("nothing was done" in text(back)) == (back.status_code == 200)
    assert "nothing was done" not in text(again)


@pytest.mark.parametrize("planted", ["<script>", "replay:", "a" * 4_000, "nothing\x7f"])
async def test_a_notice_that_is_none_of_ours_is_not_shown(
    instance: Instance, browser: httpx.AsyncClient, planted: str
) -> None:
    await browser.get("/builds")

    page = await browser.get("/builds", headers={"Cookie": f"roundsman-notice={planted}; {session_of(browser)}"})

    assert 'class="notice"' not in page.text
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize("path", ["/", "/dead-letters"])
async def test_and_there_it_says_that_it_must_be_pressed_again(instance: Instance, path: str) -> None:
    async with stranger(instance) as client:
        turned_away = await client.post("/deliveries/1/replay", headers={"Referer": PUBLIC_URL + path})
        wanted = httpx.URL(turned_away.headers["location"]).params["next"]
        let_in = await client.post("/login", data={"token": TOKEN, "next": wanted})
        page = await client.get(let_in.headers["location"])

    assert "Your session had ended, so nothing was done." in text(page)
    assert await instance.enqueued() == set()


async def test_who_logs_out_after_the_session_ended_is_out_without_further_words(instance: Instance) -> None:
    async with stranger(instance) as client:
        answer = await client.post("/logout", headers={"Referer": f"{PUBLIC_URL}/dead-letters"})

    assert (answer.status_code, answer.headers["location"]) == (303, "/login")


@pytest.mark.parametrize("referer", [{}, {"Referer": "http://127.0.0.1:8000/"}])
async def test_where_the_browser_does_not_say_the_way_back_is_the_page_of_the_thing(
    instance: Instance, browser: httpx.AsyncClient, referer: dict[str, str]
) -> None:
    event = await instance.build()
    came = await instance.deliver(state=DeliveryState.DEAD)
    sent, dead = await instance.owe(event, "a (json)"), await instance.owe(event, "b (json)")
    await instance.send(sent)
    await instance.give_up(dead, "gone")

    presses = (
        *((f"/deliveries/{came.id}", "dismiss", came.id), (f"/deliveries/{came.id}", "replay", came.id)),
        *((f"/notifications/{dead.id}", "dismiss", event.id), (f"/notifications/{sent.id}", "resend", event.id)),
    )
    for address, verb, event_id in presses:
        answer = await browser.post(f"{address}/{verb}", headers=referer)
        assert answer.headers["location"] == f"/builds/{event_id}"


async def test_an_endless_form_is_not_read_to_its_end(browser: httpx.AsyncClient) -> None:
    answer = await browser.post("/login", content=b"token=" + b"x" * 16_384)

    assert answer.status_code == 413
    assert "larger than 16384 bytes" in text(answer)


# Headers and files

OURS = '<script src="/static/roundsman.js" defer></script>'


async def test_no_page_may_be_framed_cached_or_given_a_script_but_ours(
    instance: Instance, browser: httpx.AsyncClient
) -> None:
    event = await instance.build()
    paths = ["/", "/builds?since=never", f"/builds/{event.id}", "/dead-letters", "/builds/what", "/login"]

    for page in [await browser.get(path) for path in (*paths, f"/deliveries/{event.id}/body")]:
        policy = page.headers["content-security-policy"].split("; ")
        assert policy == [
            *(
                "default-src 'none'",
                "script-src 'self'",
                "connect-src 'self'",
                "style-src 'self'",
                "img-src 'self' data:",
                "form-action 'self'",
            ),
            *("base-uri 'none'", "frame-ancestors 'none'"),
        ]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert page.headers["referrer-policy"] == "same-origin"
        assert page.headers["cache-control"] == "no-store"
        assert not re.search(r"<(script|style)|\s(style|on\w+)=", page.text.replace(OURS, ""))


@pytest.mark.parametrize(("name", "kind"), [("roundsman.css", "text/css"), ("favicon.svg", "image/svg+xml")])
async def test_a_static_file_needs_no_session(instance: Instance, name: str, kind: str) -> None:
    async with stranger(instance) as client:
        file = await client.get(f"/static/{name}")

    assert (file.status_code, file.headers["content-type"].partition(";")[0]) == (200, kind)
    assert file.headers["cache-control"] == "max-age=600"


@pytest.mark.parametrize("name", ["nothing.css", "..%2f__init__.py", "%2e%2e"])
async def test_there_are_no_other_static_files(browser: httpx.AsyncClient, name: str) -> None:
    assert (await browser.get(f"/static/{name}")).status_code == 404
