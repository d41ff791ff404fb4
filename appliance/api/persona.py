"""GET /api/persona: whom the visitor talks with, and what to ask."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import JSONResponse

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
            "portrait": None,
        }
        return JSONResponse(body, headers={"cache-control": "no-cache"})

    _ = persona
    return routes


def suggestions(speaker: Persona) -> list[str]:
    """The first question of a few entries, spread over all that a visitor would choose to ask."""
    firsts = [entry.questions[0] for entry in speaker.entries if not (entry.small_talk or entry.repeat or entry.urgent)]
    step = max(1, len(firsts) // SUGGESTIONS)
    return [_sentence(question) for question in firsts[::step][:SUGGESTIONS]]


def _sentence(question: str) -> str:
    text = question[:1].upper() + question[1:]
    return text if text.endswith(("?", ".", "!")) else text + "?"
