"""POST /api/token: a visitor asks to come in; the address of a room and the token to it come out.

The contract is LiveKit's TokenSource endpoint: a JSON body or none goes in, {server_url, participant_token} comes out.
What the body wishes for (a room, an identity, an agent) is not granted: the box chooses them, at random. A box whose
places are all taken answers 503 with `queue`: {place, ticket, retry_after_s, wait_s}; who sends {"ticket": ...} again
in time keeps the place, and gets the first answer when it is their turn.
"""

from __future__ import annotations

import json
from typing import Any, cast

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from appliance.admission import Ticket
from appliance.daemon import Daemon

_TICKET_CHARACTERS_MAX = 64


def router(daemon: Daemon) -> APIRouter:
    """The route by which visitors come in."""
    routes = APIRouter()

    @routes.post("/api/token")
    async def token(request: Request) -> JSONResponse:
        invitation = await daemon.invite(_ticket(await request.body()))
        body = {"server_url": invitation.server_url, "participant_token": invitation.participant_token}
        return JSONResponse(body, headers={"cache-control": "no-store"})

    _ = token
    return routes


def _ticket(body: bytes) -> Ticket | None:
    """The ticket in a request's body; one that this process did not give out is found out by the queue."""
    if not body.strip():
        return None
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(wish, dict):
        raise HTTPException(400, "the body is not a JSON object")
    ticket = cast("dict[str, Any]", wish).get("ticket")
    if ticket is None:
        return None
    if not isinstance(ticket, str) or not 1 <= len(ticket) <= _TICKET_CHARACTERS_MAX:
        raise HTTPException(400, "ticket is not one that a box gives out: leave it away to begin at the queue's end")
    return Ticket(ticket)
