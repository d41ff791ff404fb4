from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from typing import ClassVar

import pytest

from appliance.cli.main import main

_TOKEN = {"server_url": "ws://127.0.0.1:7880", "participant_token": "a.b.c"}


class _Box(http.server.BaseHTTPRequestHandler):
    status: ClassVar[int] = 200
    answer: ClassVar[bytes] = json.dumps(_TOKEN).encode()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(self.status if self.path == "/api/token" else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def box() -> Iterator[list[str]]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Box) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield ["token", "--port", str(httpd.server_port)]
        httpd.shutdown()
        thread.join()


def test_it_prints_the_address_and_the_token(box: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(box) == 0
    assert capsys.readouterr().out == "url:   ws://127.0.0.1:7880\ntoken: a.b.c\n"
    assert main([*box, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == _TOKEN


def test_the_boxs_own_refusal_is_passed_on(
    box: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(_Box, "status", 503)
    monkeypatch.setattr(_Box, "answer", b'{"code": "box-busy", "message": "the box is busy", "hint": "come back"}')
    assert main(box) == 1
    assert capsys.readouterr().err == "the box is busy [box-busy]\n  come back\n"


@pytest.mark.parametrize("answer", [b"<html>", b"{}", b"[]"])
def test_another_program_on_the_port_is_told_apart(
    box: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: bytes
) -> None:
    monkeypatch.setattr(_Box, "answer", answer)
    assert main(box) == 1
    assert "[not-the-box]" in capsys.readouterr().err


def test_no_box_is_one_clear_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "--port", "9"]) == 1
    err = capsys.readouterr().err
    assert err == "no box answers on http://127.0.0.1:9 [not-running]\n  start it with `appliance serve`\n"
