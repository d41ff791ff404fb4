"""`appliance token`: the running box is asked for a visitor's address and token."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from appliance.config import ServerConfig, load
from appliance.errors import ConnectionError, RoomError

_TIMEOUT_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, help="a configuration file")
    parser.add_argument("--host", help="where the box serves HTTP (default: server.host)")
    parser.add_argument("--port", type=int, help="on which port (default: server.port)")
    parser.add_argument("--json", action="store_true", help="print the box's whole answer")


def run(args: argparse.Namespace) -> int:
    """Exit status: 0, or an AgentError."""
    server = load(args.config).config.server
    answer = ask(ServerConfig(args.host or server.host, server.port if args.port is None else args.port))
    if args.json:
        print(json.dumps(answer))
    else:
        print(f"url:   {answer['server_url']}\ntoken: {answer['participant_token']}")
    return 0


def ask(server: ServerConfig) -> dict[str, Any]:
    """What the box answers to `POST /api/token`: server_url and participant_token.

    Raises:
        ConnectionError: nothing answers there.
        RoomError: the box refused; its own code and message.
    """
    import httpx2

    address = f"http://{server.host}:{server.port}"
    # Without the environment's proxies: the box is on this machine or on its own network.
    try:
        with httpx2.Client(trust_env=False, timeout=_TIMEOUT_S) as client:
            response = client.post(f"{address}/api/token", json={})
            answer = response.json()
    except httpx2.TransportError as error:
        message = f"no box answers on {address}"
        raise ConnectionError(message, code="not-running", hint="start it with `appliance serve`") from error
    except ValueError as error:
        message = f"what answers on {address} is not the box"
        raise ConnectionError(
            message, code="not-the-box", hint="another program has the port: set server.port"
        ) from error
    if not isinstance(answer, dict):
        answer = {}
    if not response.is_success:
        raise RoomError(
            answer.get("message", f"the box answered {response.status_code}"),
            code=answer.get("code", "refused"),
            hint=answer.get("hint", ""),
        )
    if "server_url" not in answer or "participant_token" not in answer:
        raise ConnectionError(f"what answers on {address} is not the box", code="not-the-box", hint="set server.port")
    return answer
