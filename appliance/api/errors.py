"""Errors as answers: an exception goes in; a status and {code, message, hint} come out."""

from __future__ import annotations

import logging
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from appliance.api.guard import HEADERS
from appliance.daemon import NoPlace
from appliance.errors import AgentError, ConnectionError, EngineError

logger = logging.getLogger(__name__)

_CODES = {413: "content-too-large"}  # its phrase differs between Python's versions


def install(app: FastAPI) -> None:
    """Make every error of `app` an answer with a code."""
    app.add_exception_handler(AgentError, _agent_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(Exception, _unexpected)


def answer(status: int, error: AgentError, *, retry_after_s: int | None = None) -> JSONResponse:
    """The answer to a request that failed with `error`; with the visitor's place in the queue, where there is one."""
    headers = {"cache-control": "no-store"}
    if retry_after_s is not None:
        headers["retry-after"] = str(retry_after_s)
    body: dict[str, Any] = {**error.as_dict()}
    if isinstance(error, NoPlace) and error.waiting is not None:
        body["queue"] = asdict(error.waiting)
    return JSONResponse(body, status, headers)


async def _agent_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, AgentError)
    if isinstance(error, NoPlace):
        return answer(503, error, retry_after_s=error.retry_after_s)
    if isinstance(error, ConnectionError | EngineError):
        logger.warning("request failed", extra={"code": error.code})
        return answer(503, error, retry_after_s=2)
    logger.error("request failed", exc_info=error, extra={"code": error.code})
    return answer(500, error)


async def _http_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = _CODES.get(error.status_code) or HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
    body = {"code": code, "message": str(error.detail), "hint": ""}
    return JSONResponse(body, error.status_code, error.headers)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    where = ", ".join(".".join(str(part) for part in item["loc"]) for item in error.errors())
    return JSONResponse({"code": "invalid", "message": f"not valid: {where}", "hint": ""}, 422)


async def _unexpected(_: Request, error: Exception) -> JSONResponse:
    """Starlette logs the traceback and raises it again for the server's own log; the visitor learns nothing of it."""
    body = {"code": "internal", "message": "something went wrong inside the box", "hint": "its log says what"}
    return JSONResponse(body, 500, HEADERS)  # made outside the guard, which adds them to all other answers
