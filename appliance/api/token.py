"""POST /api/token: a visitor asks to come in; the address of a room and the token to it come out.

The contract is LiveKit's TokenSource endpoint: a JSON body or none goes in, {server_url, participant_token} comes out.
What the body wishes for (a room, an identity, an agent) is not granted: the box chooses them, at random.
"""

from __future__ import annotations

import json

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from appliance.daemon import Daemon


def router(daemon: Daemon) -> APIRouter:
    """The route by which visitors come in."""
    routes = APIRouter()

    @routes.post("/api/token")
    async def token(request: Request) -> JSONResponse:
        _check(await request.body())
        invitation = await daemon.invite()
        body = {"server_url": invitation.server_url, "participant_token": invitation.participant_token}
        return JSONResponse(body, headers={"cache-control": "no-store"})

    _ = token
    return routes


def _check(body: bytes) -> None:
    if not body.strip():
        return
    try:
        wish = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(wish, dict):
        raise HTTPException(400, "the body is not a JSON object")
