"""GET /api/persona."""

from __future__ import annotations

import httpx2
import pytest

from appliance.api.persona import SUGGESTIONS, suggestions
from appliance.personas.persona import load
from tests.fakes.daemon import FakeDaemon


async def test_the_page_learns_whom_its_visitor_talks_with(client: httpx2.AsyncClient) -> None:
    response = await client.get("/api/persona")
    body = response.json()
    assert response.status_code == 200
    assert (body["name"], body["language"]) == (load("clinic").name, "en")
    assert len(body["suggestions"]) == SUGGESTIONS
    assert set(body) == {"name", "title", "language", "suggestions", "portrait"}


async def test_before_the_persona_is_read_the_box_is_starting(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    daemon.persona = None
    response = await client.get("/api/persona")
    assert (response.status_code, response.json()["code"]) == (503, "starting")


async def test_the_face_is_shown_before_it_moves(client: httpx2.AsyncClient, daemon: FakeDaemon) -> None:
    assert (await client.get("/api/persona")).json()["portrait"] is None
    assert (await client.get("/api/portrait")).json()["code"] == "starting"
    daemon.portrait = b"\x89PNG"
    path = (await client.get("/api/persona")).json()["portrait"]
    response = await client.get(path)
    assert (response.content, response.headers["content-type"]) == (b"\x89PNG", "image/png")


@pytest.mark.parametrize("name", ["host", "clinic"])
def test_suggestions_are_questions_that_have_an_approved_answer(name: str) -> None:
    persona = load(name)
    asked = {question.lower().rstrip("?") for entry in persona.entries for question in entry.questions}
    chosen = suggestions(persona)
    assert len(set(chosen)) == SUGGESTIONS
    for question in chosen:
        assert question.endswith("?")
        assert question[0].isupper()
        assert question.lower().rstrip("?") in asked
