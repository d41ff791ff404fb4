"""No public address is named in a system call: not by the WebRTC library alone, nor by a whole box and its visitor."""

from __future__ import annotations

import ipaddress
import logging
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from appliance import webrtc

OURS = re.compile(r'inet_addr\("([^"]+)"\)|inet_pton\(AF_INET6, "([^"]+)"')


def test_the_library_in_memory_holds_no_public_address() -> None:
    assert webrtc.keep_local()
    assert webrtc.keep_local(), "it can be repeated"
    for public, own in webrtc.REPLACED.items():
        assert not list(webrtc._occurrences(public))
        assert len(list(webrtc._occurrences(own))) == 1


@pytest.mark.parametrize("own", webrtc.REPLACED.values())
def test_what_stands_there_instead_is_the_loopback_address(own: bytes) -> None:
    assert own.endswith(b"\0")
    assert ipaddress.ip_address(socket.inet_pton(socket.AF_INET6, own[:-1].decode())).is_loopback


def test_a_library_without_them_is_left_alone_and_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(webrtc, "REPLACED", {b"is not in it, I am sure": b"is not in it, as it was"})
    with caplog.at_level(logging.WARNING):
        assert not webrtc.keep_local()
    assert "public addresses" in caplog.text


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_whole_conversation_goes_to_no_address_but_this_machines(models: Path, tmp_path: Path) -> None:
    assert models
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: apt-get install strace")
    calls = tmp_path / "calls"
    traced = [strace, "-f", "--seccomp-bpf", "-o", str(calls), "-e", "trace=connect,sendto,sendmsg,sendmmsg"]
    done = subprocess.run(
        [*traced, sys.executable, "-m", "appliance", "check"], capture_output=True, text=True, timeout=200, check=False
    )
    assert "errors" in done.stdout, done.stderr
    named = {first or second for first, second in OURS.findall(calls.read_text(errors="replace"))}
    own = set(subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=True).stdout.split())
    strange = {address for address in named - own if not ipaddress.ip_address(address).is_loopback}
    assert named
    assert not strange
