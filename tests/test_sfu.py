"""livekit-server as our child: its settings, and (slow) the real one started, killed, stopped and connected to."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from appliance.config import SfuConfig
from appliance.errors import ConfigurationError, ServerExited
from appliance.rooms import Rooms
from appliance.sfu import VERSION, Ports, Sfu, find_binary, pick_ports, server_config

WAIT_S = 15.0
FREE = SfuConfig(port=0, tcp_port=0, udp_port=0)


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


async def eventually(condition: Callable[[], bool], timeout_s: float = WAIT_S) -> None:
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.01)


def test_nothing_is_asked_of_the_internet() -> None:
    config = server_config("127.0.0.1", Ports(1, 0, 3), {"k": "s"})
    rtc = config["rtc"]
    assert isinstance(rtc, dict)
    assert rtc["use_external_ip"] is False
    assert rtc["stun_servers"] == ["127.0.0.1:3478"]
    assert rtc["ips"] == {"includes": ["127.0.0.1/32"]}
    assert config["bind_addresses"] == ["127.0.0.1"]
    assert config["room"] == {"auto_create": False, "empty_timeout": 2, "departure_timeout": 2}


def test_keys_are_random_and_long_enough() -> None:
    first, second = Sfu(FREE), Sfu(FREE)
    assert first.key != second.key
    assert first.secret != second.secret
    assert len(first.secret) >= 32


@pytest.mark.parametrize(
    ("kind", "setting"),
    [(socket.SOCK_STREAM, "sfu.port"), (socket.SOCK_STREAM, "sfu.tcp_port"), (socket.SOCK_DGRAM, "sfu.udp_port")],
)
def test_a_taken_port_is_named_with_its_setting(
    monkeypatch: pytest.MonkeyPatch, kind: socket.SocketKind, setting: str
) -> None:
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        port = taken.getsockname()[1]
        chosen = {"port": 0, "tcp_port": 0, "udp_port": 0, setting.removeprefix("sfu."): port}
        # livekit-server opens the TCP media port everywhere, so it is checked (and opened) only beyond loopback
        monkeypatch.setattr("ipaddress.IPv4Address.is_loopback", property(lambda _: False))
        with pytest.raises(ConfigurationError) as refused:
            pick_ports(SfuConfig(**chosen), "127.0.0.1")
    assert refused.value.code == "port-taken"
    assert str(port) in refused.value.message
    assert setting in refused.value.message
    assert setting in refused.value.hint


def test_free_ports_are_picked_and_none_beyond_loopback() -> None:
    ports = pick_ports(FREE, "127.0.0.1")
    assert ports.signalling > 0
    assert ports.media_udp > 0
    assert ports.media_tcp == 0


def test_a_host_that_is_no_address_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"sfu\.host"):
        pick_ports(SfuConfig(), "box.example")


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "ws://127.0.0.1:7880"), ("::1", "ws://[::1]:7880")])
def test_the_address_that_clients_get(host: str, url: str) -> None:
    assert Sfu(SfuConfig(host=host)).url == url


async def test_a_configured_binary_is_the_one(tmp_path: Path) -> None:
    binary = script(tmp_path / "mine", "exit 0")
    assert await find_binary(str(binary)) == binary
    for wrong in (tmp_path / "none", tmp_path):
        with pytest.raises(ConfigurationError) as refused:
            await find_binary(str(wrong))
        assert refused.value.code == "not-found"


async def test_the_cache_comes_before_the_path_and_the_path_must_have_our_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    with pytest.raises(ConfigurationError) as refused:
        await find_binary("")
    assert "scripts/up" in refused.value.hint
    on_path = script(tmp_path / "path" / "livekit-server", "echo livekit-server version 1.9.0")
    with pytest.raises(ConfigurationError, match="is not version"):
        await find_binary("")
    script(on_path, f"echo livekit-server version {VERSION.rpartition('.')[0]}.99")
    assert await find_binary("") == on_path
    cached = script(tmp_path / "home" / "bin" / f"livekit-server-v{VERSION}", "exit 0")
    assert await find_binary("") == cached


async def test_a_server_that_ends_at_once_is_told_with_its_last_words(tmp_path: Path) -> None:
    words = json.dumps({"level": "error", "msg": "could not start", "error": "no such key"})
    binary = script(tmp_path / "server", f"echo '{words}' >&2; exit 3")
    sfu = Sfu(SfuConfig(port=0, tcp_port=0, udp_port=0, binary=str(binary)))
    with pytest.raises(ServerExited, match="could not start no such key") as ended:
        await sfu.start()
    assert "status 3" in ended.value.message
    assert not sfu.running
    await sfu.stop()


async def test_a_server_that_never_answers_is_given_up(tmp_path: Path) -> None:
    binary = script(tmp_path / "server", "exec sleep 60")
    sfu = Sfu(SfuConfig(port=0, tcp_port=0, udp_port=0, binary=str(binary)))
    with pytest.raises(ServerExited) as late:
        await sfu.start(timeout_s=0.3)
    assert late.value.code == "not-ready"
    assert sfu.pid is None


async def test_a_server_that_ignores_signals_is_killed(tmp_path: Path) -> None:
    answers = (
        "import http.server, json, signal, sys\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "port = json.load(open(sys.argv[2]))['port']\n"
        "http.server.HTTPServer(('127.0.0.1', port), type('Ok', (http.server.BaseHTTPRequestHandler,), {\n"
        "    'do_GET': lambda s: (s.send_response(200), s.end_headers()), 'log_message': lambda *a: None,\n"
        "})).serve_forever()\n"
    )
    (tmp_path / "ok.py").write_text(answers)
    binary = script(tmp_path / "server", f'exec {sys.executable} -S {tmp_path}/ok.py "$@"')
    sfu = Sfu(SfuConfig(port=0, tcp_port=0, udp_port=0, binary=str(binary)))
    await sfu.start()
    pid = sfu.pid
    started = time.monotonic()
    await sfu.stop(timeout_s=0.4)
    assert time.monotonic() - started < 3.0
    assert not Path(f"/proc/{pid}").exists()


async def test_who_is_in_which_room_stays_out_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sfu = Sfu(FREE)
    sfu._log(json.dumps({"level": "error", "msg": "lost", "error": "timeout", "participant": "Ann", "room": "r"}))
    sfu._log(json.dumps({"level": "warn", "msg": "left"}))
    sfu._log("panic: nil map")
    sfu._log('"a string"')
    assert [record.levelno for record in caplog.records] == [30, 10, 30, 30]
    assert {record.message for record in caplog.records} == {"livekit-server says"}
    assert "Ann" not in str([vars(record) for record in caplog.records])


def test_the_settings_with_the_secret_are_for_our_eyes_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/elsewhere")
    sfu = Sfu(FREE)
    path = sfu._write_config()
    assert path.is_relative_to(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert json.loads(path.read_text())["keys"] == {sfu.key: sfu.secret}
    assert sfu._write_config() == path
    sfu._remove_runtime()
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
async def binary() -> str:
    try:
        return str(await find_binary(""))
    except ConfigurationError as error:
        pytest.skip(str(error))


@asynccontextmanager
async def running(binary: str, on_exit: Callable[[], None] | None = None) -> AsyncIterator[Sfu]:
    sfu = Sfu(SfuConfig(port=0, tcp_port=0, udp_port=0, binary=binary), on_exit=on_exit)
    await sfu.start()
    try:
        yield sfu
    finally:
        await sfu.stop()


@pytest.mark.slow
async def test_the_real_server_listens_on_loopback_only_and_keeps_its_secret(binary: str) -> None:
    async with running(binary) as sfu:
        assert sfu.running
        assert sfu._runtime is not None
        path = sfu._runtime / "livekit.json"
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        listening = subprocess.run(["ss", "-Htulnp"], capture_output=True, text=True, check=True).stdout
        ours = [line.split()[4] for line in listening.splitlines() if f"pid={sfu.pid}," in line]
        assert sorted(ours) == sorted(f"127.0.0.1:{port}" for port in (sfu.ports.signalling, sfu.ports.media_udp))
        for name in ("cmdline", "environ"):
            assert sfu.secret.encode() not in Path(f"/proc/{sfu.pid}/{name}").read_bytes()
        runtime = sfu._runtime
    assert not runtime.exists()
    assert not sfu.running


@pytest.mark.slow
async def test_a_killed_server_is_back_with_the_same_ports_key_and_secret(binary: str) -> None:
    died: list[int] = []
    async with running(binary, lambda: died.append(1)) as sfu:
        before = (sfu.url, sfu.ports, sfu.key, sfu.secret)
        first = sfu.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        started = time.monotonic()
        await eventually(lambda: sfu.restarts == 1 and sfu.running)
        assert time.monotonic() - started < 5.0
        assert sfu.pid not in (None, first)
        assert died == [1]
        assert (sfu.url, sfu.ports, sfu.key, sfu.secret) == before
        await Rooms(sfu, agent_name="nobody").create("again", empty_timeout_s=2)


@pytest.mark.slow
async def test_stopping_while_it_is_started_again_leaves_nothing(binary: str) -> None:
    async with running(binary) as sfu:
        assert sfu.pid is not None
        os.kill(sfu.pid, signal.SIGKILL)
        await eventually(lambda: not sfu.running)


@pytest.mark.slow
async def test_it_stops_in_bounded_time_with_a_visitor_in_a_room(binary: str) -> None:
    from livekit import rtc

    async with running(binary) as sfu:
        rooms = Rooms(sfu, agent_name="nobody")
        await rooms.create("lobby", empty_timeout_s=10)
        invitation = rooms.invite("lobby", ttl_s=60)
        room = rtc.Room()
        await room.connect(invitation.server_url, invitation.participant_token)
        pid = sfu.pid
        started = time.monotonic()
        await sfu.stop()
        assert time.monotonic() - started < 4.0
        assert not Path(f"/proc/{pid}").exists()
        await room.disconnect()


@pytest.mark.slow
async def test_the_server_dies_with_us_however_we_die(binary: str, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from appliance.config import SfuConfig\n"
        "from appliance.sfu import Sfu\n"
        "async def main():\n"
        "    sfu = Sfu(SfuConfig(port=0, tcp_port=0, udp_port=0, binary=sys.argv[1]))\n"
        "    await sfu.start()\n"
        "    print(sfu.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, binary, stdout=asyncio.subprocess.PIPE, env={**os.environ, "TMPDIR": str(tmp_path)}
    )
    assert process.stdout is not None
    pid = int(await asyncio.wait_for(process.stdout.readline(), WAIT_S))
    process.kill()
    await process.wait()
    await eventually(lambda: not Path(f"/proc/{pid}").exists() or _is_dead(pid))


def _is_dead(pid: int) -> bool:
    """A zombie that nobody has waited for yet counts as dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.slow
async def test_a_token_opens_its_own_room_and_no_other(binary: str) -> None:
    from livekit import rtc
    from livekit.rtc.participant import PublishTrackError

    async with running(binary) as sfu:
        rooms = Rooms(sfu, agent_name="nobody")
        for name in ("mine", "theirs"):
            await rooms.create(name, empty_timeout_s=10)
        invitation = rooms.invite("mine", ttl_s=60)
        room = rtc.Room()
        # whatever room is asked for beside the token, the token's own is opened
        await room.connect(f"{invitation.server_url}?room=theirs", invitation.participant_token)
        assert room.name == "mine"
        assert room.local_participant.identity.startswith("visitor-")
        source = rtc.VideoSource(16, 16)
        camera = rtc.LocalVideoTrack.create_video_track("camera", source)
        with pytest.raises(PublishTrackError):
            await room.local_participant.publish_track(
                camera, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_CAMERA)
            )
        await source.aclose()
        microphone = rtc.AudioSource(48_000, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", microphone)
        await room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        await room.local_participant.send_text("hello", topic="lk.chat")
        await microphone.aclose()
        await room.disconnect()


async def _may_join(sfu: Sfu, token: str) -> bool:
    """What livekit-server itself says of a token, before any media."""
    import httpx2

    http = sfu.url.replace("ws://", "http://")
    async with httpx2.AsyncClient(trust_env=False) as client:
        response = await client.get(f"{http}/rtc/validate", params={"access_token": token})
    return response.is_success


@pytest.mark.slow
async def test_a_token_for_another_room_cannot_be_made_one_for_ours(binary: str) -> None:
    import jwt

    async with running(binary) as sfu:
        rooms = Rooms(sfu, agent_name="nobody")
        await rooms.create("ours", empty_timeout_s=10)
        ours, elsewhere = (rooms.invite(name, ttl_s=60).participant_token for name in ("ours", "elsewhere"))
        assert await _may_join(sfu, ours)
        assert not await _may_join(sfu, elsewhere)  # no such room, and none is made for it
        head, _, signature = elsewhere.split(".")
        assert not await _may_join(sfu, ".".join((head, ours.split(".")[1], signature)))
        claims = jwt.decode(ours, options={"verify_signature": False})
        for forged in (
            jwt.encode(claims, "another-secret-of-thirty-two-bytes", algorithm="HS256"),
            jwt.encode(claims, "", algorithm="none"),
            jwt.encode({**claims, "iss": "APIsomeone"}, sfu.secret, algorithm="HS256"),
        ):
            assert not await _may_join(sfu, forged)


@pytest.mark.slow
async def test_a_token_does_not_administer_and_expires(binary: str) -> None:
    import aiohttp
    from livekit import api

    async with running(binary) as sfu:
        rooms = Rooms(sfu, agent_name="nobody")
        await rooms.create("mine", empty_timeout_s=10)
        token = rooms.invite("mine", ttl_s=60).participant_token
        claims = api.TokenVerifier(sfu.key, sfu.secret).verify(token)
        assert claims.video is not None
        granted = {name for name in claims.video.__dataclass_fields__ if getattr(claims.video, name)}
        assert granted == {
            "room_join", "room", "can_publish", "can_subscribe", "can_publish_data", "can_publish_sources"
        }  # fmt: skip
        assert claims.video.can_publish_sources == ["microphone"]
        async with aiohttp.ClientSession() as session:
            client = api.LiveKitAPI.with_token(token, sfu.url, session=session)
            for forbidden in (
                client.room.list_rooms(api.ListRoomsRequest()),
                client.room.create_room(api.CreateRoomRequest(name="more")),
                client.room.delete_room(api.DeleteRoomRequest(room="mine")),
                client.room.list_participants(api.ListParticipantsRequest(room="mine")),
            ):
                with pytest.raises(api.TwirpError) as refused:
                    await forbidden
                assert refused.value.status in (401, 403)
        stale = rooms.invite("mine", ttl_s=-120).participant_token  # beyond the minute of leeway
        assert await _may_join(sfu, token)
        assert not await _may_join(sfu, stale)
        await rooms.delete("mine")
        await rooms.delete("mine")
        assert not await _may_join(sfu, token)
