"""`appliance models add`: what it installs, asks, tells and refuses; and films with what it installed."""

from __future__ import annotations

import asyncio
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from appliance.cli.main import main
from appliance.config import load
from appliance.context import Context, Engines
from appliance.engine import SessionId
from appliance.errors import AvatarError
from appliance.face import nets
from appliance.face.avatar import load_avatar
from appliance.face.life import Life
from appliance.face.plugin import create
from appliance.offline import Chain, Film
from appliance.personas.persona import load as load_persona
from appliance.providers import warm_up
from tests.models import generate, strangers
from tests.models.vits import write_vits

SHIPPED = Path(__file__).parents[2] / "models" / "face"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def add(*arguments: object) -> int:
    return main(["models", "add", "--role", "face", *map(str, arguments)])


def test_a_net_is_installed_listed_verified_and_removed(
    stranger_files: dict[str, Path], home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = stranger_files["small"]
    assert add(file, "--licence", "MIT", "--upstream", "tests", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["name"], told["licence"], told["commercial"]) == ("small-face", "MIT", True)
    assert (told["file"], told["size"], told["bytes"]) == ("Small Face.onnx", 96, file.stat().st_size)
    assert told["probe"]["moved"] > 0.02
    assert (home / "nets" / "small-face" / "net.onnx").read_bytes() == file.read_bytes()

    assert main(["models", "list"]) == 0
    out = capsys.readouterr().out
    assert "small-face" in out and "tests" in out
    assert main(["models", "list", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["nets"]
    assert (row["name"], row["sha256"]) == ("small-face", told["sha256"])

    assert add(file, "--licence", "MIT", "--json") == 1
    assert json.loads(capsys.readouterr().err)["code"] == "exists"
    assert add(file, "--licence", "CC-BY-NC-4.0", "--replace", "--name", "small-face") == 0
    out = capsys.readouterr().out
    assert "NOT for commercial use" in out and 'net = "small-face"' in out and "ms on one thread" in out
    assert main(["models", "list"]) == 0
    assert "not for commercial use" in capsys.readouterr().out

    (home / "nets" / "small-face" / "net.onnx").write_bytes(b"other")
    assert main(["models", "verify", "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)["nets"]
    assert row["code"] == "checksum-mismatch"

    assert main(["models", "remove", "small-face", "--json"]) == 0
    assert nets.installed() == {}
    assert main(["models", "remove", "small-face"]) == 1
    assert "[not-found]" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_licence_is_asked_for_at_a_terminal_and_needed(
    stranger_files: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = stranger_files["small"]
    for stdin in (io.StringIO("MIT\n"), Terminal("\n"), Terminal("")):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert add(file, "--json") == 1
        said = json.loads(capsys.readouterr().err.splitlines()[-1].removeprefix(f"licence of {file.name}: "))
        assert said["code"] == "licence-missing"
        assert "Wav2Lip's own weights are for non-commercial use only" in said["hint"]
        assert nets.installed() == {}
    monkeypatch.setattr(sys, "stdin", Terminal("bought from the studio\n"))
    assert add(file) == 0
    assert "bought from the studio" in capsys.readouterr().out


def test_without_its_encoder_an_ultralight_net_is_refused(
    stranger_files: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(stranger_files["ultralight"], "--licence", "MIT", "--json") == 1
    told = json.loads(capsys.readouterr().err)
    assert told["code"] == "encoder-missing" and "--audio-encoder" in told["hint"]
    base = strangers.encoder(tmp_path / "base.onnx", values=768)
    assert add(stranger_files["ultralight"], "--licence", "MIT", "--audio-encoder", base, "--json") == 1
    assert json.loads(capsys.readouterr().err)["code"] == "incompatible"
    assert nets.installed() == {}


@pytest.mark.parametrize(
    ("name", "code"), [("nan", "incompatible"), ("flat", "incompatible"), ("hubert", "incompatible")]
)
def test_what_is_no_talking_face_is_not_installed(
    stranger_files: dict[str, Path], capsys: pytest.CaptureFixture[str], name: str, code: str
) -> None:
    assert add(stranger_files[name], "--licence", "MIT", "--json") == 1
    told = json.loads(capsys.readouterr().err)
    assert (told["code"], bool(told["message"]), bool(told["hint"])) == (code, True, True)
    assert nets.installed() == {}


@pytest.mark.parametrize(("file", "code"), [("gone.onnx", "not-found"), ("/dev/null", "not-found")])
def test_what_is_no_file_is_told(file: str, code: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert add(file, "--licence", "MIT", "--name", "x", "--json") == 1
    assert json.loads(capsys.readouterr().err)["code"] == code


def test_help_and_usage(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, status in ((["models", "add", "--help"], 0), (["models", "add", "x.onnx"], 2), (["models"], 2)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == status
    assert "--audio-encoder" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--net", "--avatar"])
def test_who_is_not_installed_is_told_before_anything_is_loaded(
    option: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["say", "hello", option, "nobody", "-o", str(tmp_path / "out.mp4"), "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["code"] == "not-found"


def test_a_net_of_the_settings_that_is_not_installed_is_told() -> None:
    config = load(None, {"APPLIANCE_FACE__NET": "nobody"}).config.face
    with pytest.raises(AvatarError, match="there is no face net nobody"):
        create(config, Context(Engines(), {}, load_persona("host")))


# ---- films


async def film(net: str, files: dict[str, Path], out: Path) -> tuple[Film, int]:
    """What `appliance say --net NAME` does, with a voice that hums; what the net keeps of the frames, bytes."""
    url = "http://127.0.0.1:1/v1"
    settings = {
        "APPLIANCE_FACE__NET": net,
        "APPLIANCE_EARS__PROVIDER": "openai-compatible",
        "APPLIANCE_EARS__OPENAI_COMPATIBLE__BASE_URL": url,
        "APPLIANCE_EARS__OPENAI_COMPATIBLE__MODEL": "none",
        "APPLIANCE_MIND__PROVIDER": "openai-compatible",
        "APPLIANCE_MIND__OPENAI_COMPATIBLE__BASE_URL": url,
        "APPLIANCE_MIND__OPENAI_COMPATIBLE__MODEL": "none",
    }
    config = load(None, settings).config
    persona, engines = load_persona("host"), Engines()
    try:
        warm_up(config, engines, files, persona)
        await engines.ready()
        renderer = engines.bridges["face"].engine
        chain = Chain(config, Context(engines, files, persona, SessionId("film")), lambda _: None)
        try:
            return await chain.say("One two.", out), renderer._net.cached_bytes  # type: ignore[attr-defined]
        finally:
            await chain.aclose()
    finally:
        await engines.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    voice = write_vits(tmp_path_factory.mktemp("voice"))
    yield {"voice": voice, "avatar": SHIPPED / "default.avatar", "face": generate.HERE / "grey_mouth.onnx"}


def against_rest(path: Path, session: str) -> tuple[np.ndarray, np.ndarray]:
    """How the film's luma differs from the avatar's at rest, at mouth and forehead: (frames, rows, columns)."""
    with av.open(str(path)) as container:
        film = np.stack([frame.to_ndarray(format="yuv420p")[:512] for frame in container.decode(video=0)]).astype(int)
    avatar = load_avatar(SHIPPED / "default.avatar")
    life = Life(avatar.card.clips, avatar.n_frames, session)
    difference = film - avatar.frames[[life.frame(1 + at) for at in range(len(film))], :512]
    return difference[:, 230:300, 215:300], difference[:, 130:160, 200:310]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "name",
    [pytest.param("wav2lip", marks=pytest.mark.slow), "minus-one", "bytes", "rgb", "lower-half", "ultralight"],
)
def test_a_strangers_net_speaks(
    stranger_files: dict[str, Path], files: dict[str, Path], tmp_path: Path, name: str
) -> None:
    file = strangers.wav2lip(tmp_path / "wav2lip.onnx") if name == "wav2lip" else stranger_files[name]
    encoder = ("--audio-encoder", stranger_files["hubert"]) if name == "ultralight" else ()
    assert add(file, "--licence", "MIT", "--name", name, *encoder) == 0

    made, cached_bytes = asyncio.run(film(name, files, tmp_path / "out.mp4"))

    assert made.video["frames"] >= made.video["fps"] * made.audio_s
    frames = load_avatar(SHIPPED / "default.avatar").n_frames
    assert cached_bytes <= max(512 * 2**20, frames * 6 * 384 * 384), "the limit, or the largest net's faces alone"
    mouth, forehead = against_rest(tmp_path / "out.mp4", "film")
    assert np.abs(mouth[2:-13]).mean(axis=(1, 2)).min() > 5, "the net's picture is shown while it speaks"
    assert np.abs(forehead).mean() < 2, "and nowhere else"
    assert np.abs(mouth[-3:]).mean() < 3, "and not afterwards"
    assert np.abs(mouth[2:-13].mean()) < 25, "in the face's own light"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_real_voice_speaks_through_it(
    stranger_files: dict[str, Path], models: Path, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "models").mkdir(parents=True)
    for folder in (path for path in models.iterdir() if path.is_dir()):
        (home / "models" / folder.name).symlink_to(folder)
    assert add(stranger_files["small"], "--licence", "MIT") == 0
    capsys.readouterr()
    out = tmp_path / "say.mp4"
    assert main(["say", "Welcome to our house.", "--net", "small-face", "-o", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["video"]["frames"] > 25
    mouth, forehead = against_rest(out, "offline")
    assert np.abs(mouth[10:20]).mean() > 3 * np.abs(forehead[10:20]).mean()
