"""GET /api/persona: whom the visitor talks with, and what to ask. GET /api/portrait: the face, before it moves."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response

from appliance.daemon import Daemon, NoPlace
from appliance.personas.persona import Persona

SUGGESTIONS = 6


def router(daemon: Daemon) -> APIRouter:
    """The route of the persona in force."""
    routes = APIRouter()

    @routes.get("/api/persona")
    async def persona() -> JSONResponse:
        speaker = daemon.persona
        if speaker is None:
            raise NoPlace("the box is starting", code="starting", retry_after_s=1)
        body = {
            "name": speaker.name,
            "title": "",
            "language": speaker.language,
            "suggestions": suggestions(speaker),
            "portrait": "/api/portrait" if daemon.portrait is not None else None,
        }
        return JSONResponse(body, headers={"cache-control": "no-cache"})

    @routes.get("/api/portrait")
    async def portrait() -> Response:
        picture = daemon.portrait
        if picture is None:
            raise NoPlace("the face is not loaded", code="starting", retry_after_s=1)
        return Response(picture, media_type="image/png", headers={"cache-control": "no-cache"})

    _ = persona, portrait
    return routes


def suggestions(speaker: Persona) -> list[str]:
    """The first question of a few entries, spread over all that a visitor would choose to ask."""
    firsts = [entry.questions[0] for entry in speaker.entries if not (entry.small_talk or entry.repeat or entry.urgent)]
    step = max(1, len(firsts) // SUGGESTIONS)
    return [_sentence(question) for question in firsts[::step][:SUGGESTIONS]]


def _sentence(question: str) -> str:
    text = question[:1].upper() + question[1:]
    return text if text.endswith(("?", ".", "!")) else text + "?"
