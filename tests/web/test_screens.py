"""The built page alone in a real browser, with the box's answers played by the test: no room is entered here."""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import ConsoleMessage, Page, Request, Route, async_playwright, expect

pytestmark = pytest.mark.slow

STATIC = Path(__file__).parents[2] / "appliance" / "api" / "static"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
]
# Stricter than what the daemon sends: the page must need neither inline scripts nor inline styles.
POLICY = "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; object-src 'none'; base-uri 'none'"
SIZES = [(1080, 1920), (1920, 1080), (820, 1180), (390, 844)]
PERSONA = {"name": "Ada", "title": "Host", "language": "en", "suggestions": ["Where am I?", "Who are you?"]}
BUSY = {"code": "busy", "message": "every place is taken", "hint": "try again in a moment"}
STAGES = [{"name": "ears", "state": "ready", "seconds": 1.2}, {"name": "mind", "state": "loading", "seconds": 0.3}]


class _Files(SimpleHTTPRequestHandler):
    """The static folder under POLICY."""

    def end_headers(self) -> None:
        self.send_header("Content-Security-Policy", POLICY)
        super().end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing: a test's output is its own."""


@pytest.fixture
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(STATIC)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join(5)
    server.server_close()


@pytest.fixture
def chromium() -> str:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("no Chromium on this machine")
        pytest.skip("no Chromium on this machine: apt-get install chromium")
    return path


@pytest.fixture
async def page(chromium: str, address: str) -> AsyncIterator[Page]:
    """A page that fails its test when a script throws, or when it asks for anything that is not on the box."""
    wrong: list[str] = []

    def foreign(request: Request) -> None:
        if not request.url.startswith(address):
            wrong.append(request.url)

    def refused(line: ConsoleMessage) -> None:
        if "Content Security Policy" in line.text:
            wrong.append(line.text)

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        context = await browser.new_context(viewport={"width": 1080, "height": 1920}, base_url=address)
        page = await context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", foreign)
        page.on("console", refused)
        yield page
        await browser.close()
    assert wrong == []


async def answer(page: Page, path: str, status: int, body: object, **headers: str) -> None:
    async def fulfil(route: Route) -> None:
        await route.fulfill(status=status, body=json.dumps(body), content_type="application/json", headers=headers)

    await page.route(f"**{path}", fulfil)


async def ready(page: Page) -> None:
    await answer(page, "/readyz", 200, {"ready": True})
    await answer(page, "/api/persona", 200, PERSONA)


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_start_names_the_persona_and_fits_the_screen(page: Page, width: int, height: int) -> None:
    await ready(page)
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto("/")
    await expect(page.get_by_test_id("start")).to_be_enabled()
    await expect(page.get_by_role("heading", name="Hello, I am Ada.")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_role("button", name="Who are you?")).to_be_visible()
    await expect(page.get_by_text("Powered by AI")).to_be_in_viewport(ratio=1)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    heights = "[...document.querySelectorAll('button')].map((button) => button.getBoundingClientRect().height)"
    assert min(await page.evaluate(heights)) >= 56


async def test_starting_box_shows_its_progress_and_then_the_button(page: Page) -> None:
    await answer(page, "/api/persona", 200, PERSONA)
    await answer(page, "/readyz", 503, {"ready": False, "stages": STAGES, "progress": 0.4})
    await page.goto("/")
    await expect(page.get_by_test_id("progress")).to_have_attribute("value", "40")
    await expect(page.get_by_test_id("start")).to_be_disabled()
    await ready(page)
    await expect(page.get_by_test_id("start")).to_be_enabled()
    await expect(page.get_by_test_id("notice")).to_have_count(0)


async def test_busy_box_is_told_and_asked_again_when_it_said(page: Page) -> None:
    await ready(page)
    await answer(page, "/api/token", 503, BUSY, **{"Retry-After": "2"})
    await page.goto("/")
    async with page.expect_request("**/api/token") as first:
        await page.get_by_test_id("start").click()
    assert wish(await first.value) == {}
    async with page.expect_request("**/api/token", timeout=5000):
        notice = page.get_by_test_id("notice")
        await expect(notice).to_have_attribute("data-code", "box-busy")
        await expect(notice).to_contain_text("Ada is talking with someone else.")


def wish(request: Request) -> dict[str, Any]:
    """What the page asks the box for, beside what its browser decodes."""
    asked: dict[str, Any] = json.loads(request.post_data or "")
    assert asked.pop("participant_attributes") in ({"appliance.decodes": "vp8"}, {"appliance.decodes": "vp8,h264"})
    return asked


def queued(place: int, wait_s: int) -> dict[str, Any]:
    return {**BUSY, "queue": {"place": place, "ticket": f"ticket-{place}", "retry_after_s": 1, "wait_s": wait_s}}


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_queue_tells_the_place_and_the_time_and_fits_the_screen(page: Page, width: int, height: int) -> None:
    await ready(page)
    await answer(page, "/api/token", 503, queued(2, 70), **{"Retry-After": "1"})
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto("/")
    await page.get_by_test_id("start").click()
    status = page.get_by_role("status").filter(has_text="You are number 2; about 1 minute")
    await expect(status).to_be_in_viewport(ratio=1)
    await expect(status).to_have_attribute("aria-live", "polite")
    await expect(page.get_by_test_id("state")).to_contain_text("Waiting")
    await expect(page.get_by_test_id("leave-queue")).to_be_in_viewport(ratio=1)
    await expect(page.get_by_test_id("notice")).to_have_count(0)
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")


async def test_queue_moves_and_lets_in_by_itself(page: Page, address: str) -> None:
    await ready(page)
    await answer(page, "/api/token", 503, queued(2, 70))
    await page.goto("/")
    async with page.expect_request("**/api/token") as first:
        await page.get_by_test_id("start").click()
    assert wish(await first.value) == {}
    await expect(page.get_by_test_id("queue")).to_have_attribute("data-place", "2")
    await answer(page, "/api/token", 503, queued(1, 20))
    async with page.expect_request("**/api/token") as second:
        await expect(page.get_by_role("heading", name="You are next; less than a minute")).to_be_visible()
    assert wish(await second.value) == {"ticket": "ticket-2"}
    # Nobody serves rooms there: that the place is taken is what the page has to do by itself.
    place = {"server_url": address.replace("http", "ws"), "participant_token": "token"}
    async with page.expect_request("**/api/token", timeout=60_000) as third:
        await answer(page, "/api/token", 200, place)
    assert wish(await third.value) == {"ticket": "ticket-1"}
    await expect(page.get_by_test_id("queue")).to_have_count(0)


async def test_queue_can_be_left(page: Page) -> None:
    await ready(page)
    await answer(page, "/api/token", 503, queued(3, 600))
    await page.goto("/")
    await page.get_by_test_id("start").click()
    await expect(page.get_by_test_id("queue")).to_contain_text("about 10 minutes")
    await page.get_by_test_id("leave-queue").click()
    await expect(page.get_by_test_id("start")).to_be_enabled()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/api/token" in request.url else None)
    await page.wait_for_timeout(1500)
    assert asked == []


async def test_gone_box_is_told_and_tried_again(page: Page) -> None:
    await ready(page)
    await page.goto("/")
    await page.route("**/api/token", lambda route: route.abort())
    async with page.expect_request("**/api/token"):
        await page.get_by_test_id("start").click()
    async with page.expect_request("**/api/token", timeout=5000):
        await expect(page.get_by_test_id("notice")).to_have_attribute("data-code", "box-gone")


async def test_nothing_is_kept_in_the_browser(page: Page) -> None:
    await ready(page)
    await answer(page, "/api/token", 503, BUSY)
    await page.goto("/")
    await page.get_by_test_id("start").click()
    await page.get_by_test_id("text-input").fill("Where is the lift?")
    await page.get_by_test_id("text-input").press("Enter")
    await expect(page.get_by_test_id("caption-user")).to_contain_text("Where is the lift?")
    assert await page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0
    await page.reload()
    await expect(page.get_by_test_id("start")).to_be_enabled()
    await expect(page.get_by_text("Where is the lift?")).to_have_count(0)
