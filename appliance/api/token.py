"""POST /api/token: a visitor asks to come in; the address of a room and the token to it come out.

The contract is LiveKit's TokenSource endpoint: a JSON body or none goes in, {server_url, participant_token} comes out.
What the body wishes for (a room, an identity, an agent) is not granted: the box chooses them, at random. Of its
`participant_attributes` only `appliance.decodes` counts, the video codecs that the client decodes. A box whose
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
from appliance.codec import DECODES_ATTRIBUTE, known
from appliance.daemon import Daemon

_TICKET_CHARACTERS_MAX = 64


def router(daemon: Daemon) -> APIRouter:
    """The route by which visitors come in."""
    routes = APIRouter()

    @routes.post("/api/token")
    async def token(request: Request) -> JSONResponse:
        ticket, decodes = _wish(await request.body())
        invitation = await daemon.invite(ticket, decodes=decodes)
        body = {"server_url": invitation.server_url, "participant_token": invitation.participant_token}
        return JSONResponse(body, headers={"cache-control": "no-store"})

    _ = token
    return routes


def _wish(body: bytes) -> tuple[Ticket | None, str]:
    """The ticket in a request's body and what the client decodes."""
    if not body.strip():
        return None, ""
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(wish, dict):
        raise HTTPException(400, "the body is not a JSON object")
    fields = cast("dict[str, Any]", wish)
    return _ticket(fields.get("ticket")), _decodes(fields.get("participant_attributes"))


def _ticket(ticket: object) -> Ticket | None:
    """A ticket that this process did not give out is found out by the queue."""
    if ticket is None:
        return None
    if not isinstance(ticket, str) or not 1 <= len(ticket) <= _TICKET_CHARACTERS_MAX:
        raise HTTPException(400, "ticket is not one that a box gives out: leave it away to begin at the queue's end")
    return Ticket(ticket)


def _decodes(attributes: object) -> str:
    """Those codecs that the box knows too; the rest is no error, like all that is wished for and not granted."""
    told = cast("dict[str, Any]", attributes).get(DECODES_ATTRIBUTE) if isinstance(attributes, dict) else None
    return known(told) if isinstance(told, str) else ""
