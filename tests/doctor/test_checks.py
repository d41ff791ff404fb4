"""Each check, on a machine that is right and on one that is not."""

from __future__ import annotations

import dataclasses
import http.server
import json
import shutil
import socket
import sys
import threading
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest

from appliance.config import Config, ModelsConfig, ServerConfig, SfuConfig
from appliance.doctor import (
    disk_space,
    livekit_server,
    loopback,
    memory,
    model_files,
    onnx_providers,
    ports,
    processors,
    python_version,
)
from appliance.doctor.examine import CHECKS, examine
from appliance.doctor.finding import Verdict

_FREE = Config(server=ServerConfig(port=0), sfu=SfuConfig(port=0, tcp_port=0, udp_port=0))


@pytest.mark.parametrize(
    ("version", "verdict"),
    [((3, 10), "failed"), ((3, 11), "ok"), ((3, 14), "ok"), ((3, 15), "failed")],
)
def test_python_is_one_of_the_locked_ones(version: tuple[int, int], verdict: str) -> None:
    finding = python_version.check(Config(), version)
    assert finding.verdict == verdict
    assert bool(finding.hint) == (verdict == "failed")


def test_one_processor_is_a_warning() -> None:
    assert processors.check(Config(), 1).verdict is Verdict.WARNING
    assert processors.check(Config(), 1).what == "1 processor"
    assert processors.check(Config(), 2).verdict is Verdict.OK


@pytest.mark.parametrize(("kib", "verdict"), [(800_000, "failed"), (1_500_000, "warning"), (8_000_000, "ok")])
def test_memory_is_what_the_kernel_calls_available(tmp_path: Path, kib: int, verdict: str) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 16000000 kB\nMemFree: 100 kB\nMemAvailable: {kib} kB\n")
    assert memory.check(Config(), meminfo).verdict == verdict


def test_disk_space_is_looked_for_where_the_cache_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "not" / "yet"))
    assert str(tmp_path) in disk_space.check(Config(), 1).what
    finding = disk_space.check(Config(), shutil.disk_usage(tmp_path).total * 2)
    assert finding.verdict is Verdict.FAILED
    assert "APPLIANCE_HOME" in finding.hint


def test_loopback_carries_both_protocols() -> None:
    assert loopback.check(Config()).verdict is Verdict.OK
    finding = loopback.check(Config(), "192.0.2.1")  # an address that no machine has
    assert finding.verdict is Verdict.FAILED
    assert finding.hint


def test_a_port_in_use_is_named_with_its_setting() -> None:
    assert ports.check(_FREE).verdict is Verdict.OK
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as holder:
        holder.bind(("127.0.0.1", 0))
        taken = holder.getsockname()[1]
        finding = ports.check(dataclasses.replace(_FREE, sfu=dataclasses.replace(_FREE.sfu, udp_port=taken)))
    assert finding.verdict is Verdict.FAILED
    assert f"UDP port {taken} is taken" in finding.what
    assert "sfu.udp_port" in finding.hint


def test_an_address_of_another_machine_cannot_be_bound() -> None:
    finding = ports.check(dataclasses.replace(_FREE, sfu=dataclasses.replace(_FREE.sfu, host="192.0.2.1")))
    assert finding.verdict is Verdict.FAILED
    assert "cannot be bound on 192.0.2.1" in finding.what


class _Readyz(http.server.BaseHTTPRequestHandler):
    kind: ClassVar[str] = "application/json"

    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.send_header("content-type", self.kind)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Readyz) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield httpd.server_port
        httpd.shutdown()
        thread.join()


def test_ports_held_by_the_box_itself_are_right(server: int) -> None:
    finding = ports.check(dataclasses.replace(_FREE, server=ServerConfig(port=server)))
    assert finding.verdict is Verdict.OK
    assert "the box is running" in finding.what


def test_ports_held_by_another_web_server_are_not(server: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Readyz, "kind", "text/html")
    finding = ports.check(dataclasses.replace(_FREE, server=ServerConfig(port=server)))
    assert finding.verdict is Verdict.FAILED
    assert "server.port" in finding.hint


def _only(*packages: str) -> object:
    def version(name: str) -> str:
        if name not in packages:
            raise metadata.PackageNotFoundError(name)
        return "1.0"

    return version


@pytest.mark.parametrize(
    ("packages", "providers", "verdict"),
    [
        (("onnxruntime",), ["CPUExecutionProvider"], "ok"),
        (("onnxruntime",), ["OtherExecutionProvider"], "failed"),
        (("onnxruntime-gpu",), ["CPUExecutionProvider"], "failed"),
        (("onnxruntime-gpu",), ["CUDAExecutionProvider", "CPUExecutionProvider"], "ok"),
        (("onnxruntime", "onnxruntime-gpu"), ["CPUExecutionProvider"], "failed"),
    ],
)
def test_onnx_runtime_is_one_package_that_offers_what_it_promises(
    monkeypatch: pytest.MonkeyPatch, packages: tuple[str, ...], providers: list[str], verdict: str
) -> None:
    library = SimpleNamespace(__version__="1.0", get_available_providers=lambda: providers)
    monkeypatch.setitem(sys.modules, "onnxruntime", library)
    monkeypatch.setattr(metadata, "version", _only(*packages))
    assert onnx_providers.check(Config()).verdict == verdict


def test_onnx_runtime_that_does_not_load_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "cannot be loaded" in onnx_providers.check(Config()).what


def _server(folder: Path, script: str) -> Config:
    binary = folder / "livekit-server"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    return Config(sfu=SfuConfig(binary=str(binary)))


@pytest.mark.parametrize(
    ("script", "verdict"),
    [
        ("echo livekit-server version 1.13.5", "ok"),
        ("echo livekit-server version 1.13.9", "ok"),
        ("echo livekit-server version 1.12.0", "warning"),
        ("exit 3", "failed"),
    ],
)
def test_livekit_server_runs_and_is_of_the_tested_version(tmp_path: Path, script: str, verdict: str) -> None:
    finding = livekit_server.check(_server(tmp_path, script))
    assert finding.verdict == verdict
    assert bool(finding.hint) == (verdict != "ok")


def test_a_missing_livekit_server_is_a_failure(tmp_path: Path) -> None:
    finding = livekit_server.check(Config(sfu=SfuConfig(binary=str(tmp_path / "none"))))
    assert finding.verdict is Verdict.FAILED
    assert "scripts/up" in finding.hint


def test_missing_model_files_are_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path))
    finding = model_files.check(Config())
    assert finding.verdict is Verdict.FAILED
    assert "missing" in finding.what
    assert "appliance models fetch" in finding.hint
    assert model_files.check(Config(models=ModelsConfig("none"))).verdict is Verdict.FAILED


def test_right_model_files_are_counted(tmp_path: Path) -> None:
    (tmp_path / "net.bin").write_bytes(b"abc")
    (tmp_path / "own.toml").write_text(
        'format = 1\nname = "own"\nrole.face.opens = "net.bin"\n[[file]]\nrole = "face"\nname = "net.bin"\nbytes = 3\n'
        'sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"\n'
        'licence = "Apache-2.0"\nupstream = "ours"\npath = "net.bin"\n'
    )
    finding = model_files.check(Config(models=ModelsConfig(str(tmp_path / "own.toml"))))
    assert finding.what == "own: 1 files, 0 MB"
    assert finding.verdict is Verdict.OK


def test_every_file_of_the_folder_is_a_check_that_runs() -> None:
    folder = Path(python_version.__file__).parent
    files = {path.stem for path in folder.glob("*.py")} - {"__init__", "examine", "finding"}
    assert files == set(CHECKS)
    assert [name for name, _ in examine(_FREE)] == [name.replace("_", "-") for name in CHECKS]
    assert json.dumps([finding.verdict for _, finding in examine(_FREE)])
