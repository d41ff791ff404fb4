"""What every request passes: known hosts and origins only, bounded bodies, and the security headers of every answer."""

from __future__ import annotations

import ipaddress
import json
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES_MAX = 16 * 1024

_CSP = "; ".join(
    (
        "default-src 'self'",
        "connect-src 'self' ws: wss:",
        "media-src 'self' blob:",
        "img-src 'self' data: blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "content-security-policy": _CSP,
    "permissions-policy": "microphone=(self), camera=(), geolocation=(), display-capture=()",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_TOO_LARGE = f"a body may have {BODY_BYTES_MAX} bytes"
_SAFE = ("GET", "HEAD", "OPTIONS")


class Guard:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, *, host: str) -> None:
        """
        Args:
            host: the configured address; a page on another name that resolves to us (DNS rebinding) gets nothing.
        """
        self._app = app
        self._hosts = {host, "localhost", "127.0.0.1", "::1"}
        # Served on every address: any of them may be typed. An address, unlike a name, cannot be rebound.
        self._any_address = _is_address(host) and ipaddress.ip_address(host).is_unspecified

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_headers(send)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "")
        if not self._known(host):
            await _refuse(send, 421, "unknown-host", "this name does not belong to the box")
        elif scope["method"] not in _SAFE and not _same_origin(headers.get("origin"), host):
            await _refuse(send, 403, "foreign-origin", "a page of another site may not do this")
        elif _declared(headers) > BODY_BYTES_MAX:
            await _refuse(send, 413, "content-too-large", _TOO_LARGE)
        else:
            await self._bounded(scope, receive, send)

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > BODY_BYTES_MAX:
                raise HTTPException(413, _TOO_LARGE)  # an answer of the application, which reads the body
            return message

        await self._app(scope, counted, send)

    def _known(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:
            return False
        return name in self._hosts or (self._any_address and _is_address(name))


def _with_headers(send: Send) -> Send:
    async def with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            extra = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in given]
            message["headers"] = [*message["headers"], *extra]
        await send(message)

    return with_headers


async def _refuse(send: Send, status: int, code: str, message: str) -> None:
    body = json.dumps({"code": code, "message": message, "hint": ""}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _same_origin(origin: str | None, host: str) -> bool:
    """Browsers send Origin with every POST; other clients send none."""
    return origin is None or urlsplit(origin).netloc == host


def _declared(headers: dict[str, str]) -> int:
    length = headers.get("content-length", "0")
    return int(length) if length.isdecimal() else 0


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
