"""One typed tree of settings: the shipped default.toml, the owner's file, then APPLIANCE_SECTION__KEY variables."""

from __future__ import annotations

import dataclasses
import difflib
import os
import tomllib
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance import codec
from appliance.errors import ConfigurationError

DEFAULT_FILE = Path(__file__).with_name("default.toml")
_RESERVED = {"APPLIANCE_HOME", "APPLIANCE_CONFIG"}
_SECRET = ("key", "secret", "password")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """The HTTP side of the box: the page, the token, health and metrics."""

    host: str = "127.0.0.1"
    """Address that HTTP is served on."""
    port: int = 8080
    """TCP port that HTTP is served on; 0 takes a free one."""


@dataclass(frozen=True, slots=True)
class SfuConfig:
    """livekit-server, which the daemon runs as its child."""

    host: str = "127.0.0.1"
    """Address that livekit-server binds, and that clients are sent to."""
    port: int = 7880
    """TCP port of its signalling; 0 takes a free one."""
    tcp_port: int = 7881
    """TCP port for media where UDP is blocked; 0 takes a free one. Not opened on loopback."""
    udp_port: int = 7882
    """UDP port for all media; 0 takes a free one."""
    binary: str = ""
    """Path of livekit-server; empty looks in the per-user cache, then on PATH."""


@dataclass(frozen=True, slots=True)
class ModelsConfig:
    """Which model files are used."""

    manifest: str = "nano"
    """A manifest of models/, or the path of one."""


@dataclass(frozen=True, slots=True)
class OpenAICompatibleConfig:
    """A server on the LAN that speaks OpenAI's HTTP API; used only where a provider list names it."""

    base_url: str = ""
    """Address up to and with /v1."""
    model: str = ""
    """Model name as that server knows it."""
    api_key: str = "none"
    """Key it asks for, if any."""
    voice: str = ""
    """Voice name; for speech only."""


@dataclass(frozen=True, slots=True)
class EarsConfig:
    """Speech to words."""

    provider: tuple[str, ...] = ("whisper",)
    """Providers in the order they are tried."""
    language: str = "en"
    """Language that is spoken to the box, ISO 639-1."""
    threads: int = 2
    """CPU threads of one transcription."""
    pause_ms: int = 96
    """Silence after which the words so far are transcribed ahead of the end of the turn; 0 waits for the end."""
    openai_compatible: OpenAICompatibleConfig = field(default_factory=OpenAICompatibleConfig)
    """Section [ears.openai_compatible]."""


@dataclass(frozen=True, slots=True)
class MindConfig:
    """Words to a reply."""

    provider: tuple[str, ...] = ("llama",)
    """Providers in the order they are tried."""
    threads: int = 2
    """CPU threads that read a long prompt; up to a dozen tokens are decoded on one."""
    sequences: int = 16
    """Visitors whose conversation is held in the KV cache at once."""
    context_tokens: int = 2048
    """Context window of one visitor, in tokens."""
    cache_tokens: int = 8192
    """Tokens that the KV cache holds for all visitors together."""
    reply_tokens: int = 96
    """Most tokens of one reply."""
    temperature: float = 0.2
    """Sampling temperature; 0 is greedy."""
    strict: bool = True
    """The model may say only what the persona's entries say, and be polite; right for small models."""
    openai_compatible: OpenAICompatibleConfig = field(default_factory=OpenAICompatibleConfig)
    """Section [mind.openai_compatible]."""


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """Words to speech."""

    provider: tuple[str, ...] = ("piper",)
    """Providers in the order they are tried."""
    threads: int = 1
    """CPU threads of one synthesis."""
    length_scale: float = 1.0
    """Speed: above 1 is slower."""
    openai_compatible: OpenAICompatibleConfig = field(default_factory=OpenAICompatibleConfig)
    """Section [voice.openai_compatible]."""


@dataclass(frozen=True, slots=True)
class FaceConfig:
    """Speech to frames."""

    provider: tuple[str, ...] = ("wav2lip",)
    """Providers in the order they are tried."""
    avatar: str = ""
    """Name of an installed avatar, or path of a pack; empty takes the persona's face."""
    net: str = ""
    """Name of an installed face net; empty takes the manifest's."""
    name_plate: str = ""
    """What is written under the face; nothing where it is empty."""
    ai_label: bool = True
    """Whether a face that was made of a real person says in its picture that it is generated."""
    threads: int = 1
    """CPU threads of the face net."""
    batch_max: int = 8
    """Most frames in one run of the net."""
    cache_mib: int = 512
    """Memory for what the net makes of the avatar's frames alone, MiB; where it does not suffice, drawing is slower."""
    fps: int = 25
    """Video frames a second."""
    bitrate_kbps: int = 1200
    """Cap of the published video."""
    video_codec: codec.Setting = "auto"
    """vp8, which every browser decodes; h264, which takes half the CPU time; auto: h264 for who asks for it."""


@dataclass(frozen=True, slots=True)
class SessionConfig:
    """One visit."""

    persona: str = "host"
    """Name of a shipped persona, or the path of a TOML file."""
    visitors_max: int = 0
    """Visitors served at once; one more waits in a queue. 0: as `appliance size` measured, 3 where it did not."""
    endpoint_min_delay_s: float = 0.3
    """Silence after which what is certainly a finished sentence is answered, in seconds."""
    endpoint_sure_delay_s: float = 0.5
    """Silence after which what is likely a finished sentence is answered, in seconds."""
    endpoint_unsure_delay_s: float = 0.9
    """Silence after which what may be a finished sentence is answered, in seconds."""
    endpoint_max_delay_s: float = 1.0
    """Silence after which anything is answered, in seconds."""
    interrupt_min_duration_s: float = 0.05
    """Sound like speech for which the avatar falls silent, in seconds; without words in it the avatar goes on."""
    token_ttl_s: int = 120
    """Seconds within which a visitor's token must be used."""
    no_show_s: float = 30.0
    """Seconds that a room waits for its visitor."""
    idle_s: float = 120.0
    """Seconds after which a visit in which nobody says anything ends, while somebody waits for a place; 0: never."""
    text_characters_max: int = 2000
    """Longest text message or transcript that is answered; the rest is cut."""


@dataclass(frozen=True, slots=True)
class LogsConfig:
    """The one log pipeline."""

    level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    format: str = "auto"
    """json, text, or auto: text on a terminal."""


@dataclass(frozen=True, slots=True)
class Config:
    """Every section; a stage receives its own and never the whole."""

    server: ServerConfig = field(default_factory=ServerConfig)
    """Section [server]."""
    sfu: SfuConfig = field(default_factory=SfuConfig)
    """Section [sfu]."""
    models: ModelsConfig = field(default_factory=ModelsConfig)
    """Section [models]."""
    ears: EarsConfig = field(default_factory=EarsConfig)
    """Section [ears]."""
    mind: MindConfig = field(default_factory=MindConfig)
    """Section [mind]."""
    voice: VoiceConfig = field(default_factory=VoiceConfig)
    """Section [voice]."""
    face: FaceConfig = field(default_factory=FaceConfig)
    """Section [face]."""
    session: SessionConfig = field(default_factory=SessionConfig)
    """Section [session]."""
    logs: LogsConfig = field(default_factory=LogsConfig)
    """Section [logs]."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One value that is in force."""

    key: str
    """Dotted key, as in `session.persona`."""
    value: str
    """The value as TOML would show it; secrets masked."""
    origin: str
    """Where it came from: default, a file's path, or a variable's name."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings and where each came from."""

    config: Config
    """The typed tree."""
    origins: Mapping[str, str]
    """Dotted key -> origin, for every key that a file or variable set."""

    def settings(self) -> Iterator[Setting]:
        """Every value in force, in the order of default.toml."""
        for key, value in _flatten(dataclasses.asdict(self.config), ""):
            secret = key.rpartition(".")[2].endswith(_SECRET) and value not in ("", "none")
            yield Setting(key, "********" if secret else _toml(value), self.origins.get(key, "default"))


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Loaded:
    """Read the settings.

    Args:
        path: the owner's file; else $APPLIANCE_CONFIG; else only the defaults.
        environ: variables, os.environ when not given.
    Raises:
        ConfigurationError: codes unknown-key, wrong-type, bad-toml, not-found.
    """
    environ = os.environ if environ is None else environ
    if path is None and environ.get("APPLIANCE_CONFIG"):
        path = Path(environ["APPLIANCE_CONFIG"])
    tree: dict[str, Any] = {}
    origins: dict[str, str] = {}
    if path is not None:
        tree = _read(path)
        origins = {key: str(path) for key, _ in _flatten(tree, "")}
    for name, text in sorted(environ.items()):
        if name.startswith("APPLIANCE_") and name not in _RESERVED:
            dotted = name.removeprefix("APPLIANCE_").lower().split("__")
            _put(tree, dotted, _literal(text))
            origins[".".join(dotted)] = name
    return Loaded(typing.cast("Config", _build(Config, tree, "", origins)), origins)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"there is no configuration file {path}", code="not-found") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} is not TOML: {error}", code="bad-toml") from error


def _put(tree: dict[str, Any], dotted: list[str], value: object) -> None:
    for part in dotted[:-1]:
        tree = tree.setdefault(part, {})
    tree[dotted[-1]] = value


def _literal(text: str) -> object:
    """A variable's text as TOML would read it; what is no TOML value is a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _build(kind: type[Any], tree: Mapping[str, Any], prefix: str, origins: Mapping[str, str]) -> object:
    hints = typing.get_type_hints(kind)
    values: dict[str, object] = {}
    for name, value in tree.items():
        key = prefix + name
        if name not in hints:
            raise _unknown(key, [prefix + known for known in hints], origins.get(key, ""))
        wanted = hints[name]
        if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
            if not isinstance(value, dict):
                raise ConfigurationError(f"{key} is a section, not a value", code="wrong-type")
            values[name] = _build(wanted, typing.cast("dict[str, Any]", value), key + ".", origins)
        else:
            values[name] = _checked(key, value, wanted)
    return kind(**values)


def _checked(key: str, value: object, wanted: object) -> object:
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted == tuple[str, ...]:
        items = [value] if isinstance(value, str) else value
        if (
            isinstance(items, list)
            and items
            and all(isinstance(item, str) for item in typing.cast("list[object]", items))
        ):
            return tuple(typing.cast("list[str]", items))
    elif typing.get_origin(wanted) is typing.Literal:
        if value in typing.get_args(wanted):
            return value
    elif isinstance(wanted, type) and type(value) is wanted:
        return value
    name = "a list of strings" if wanted == tuple[str, ...] else getattr(wanted, "__name__", str(wanted))
    if typing.get_origin(wanted) is typing.Literal:
        name = "one of " + ", ".join(typing.get_args(wanted))
    raise ConfigurationError(f"{key} must be {name}, not {value!r}", code="wrong-type")


def _unknown(key: str, known: list[str], origin: str) -> ConfigurationError:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    where = f" (from {origin})" if origin else ""
    return ConfigurationError(
        f"unknown configuration key {key}{where}",
        code="unknown-key",
        hint=f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}",
    )


def _flatten(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, object]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flatten(typing.cast("dict[str, Any]", value), prefix + name + ".")
        else:
            yield prefix + name, value


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, tuple | list):
        return "[" + ", ".join(_toml(item) for item in typing.cast("list[object]", value)) + "]"
    return str(value)
