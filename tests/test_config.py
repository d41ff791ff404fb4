from __future__ import annotations

import dataclasses
import itertools
import tomllib
from pathlib import Path

import hypothesis
import pytest
from hypothesis import strategies

from appliance.config import DEFAULT_FILE, Config, load
from appliance.errors import ConfigurationError


def _file(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_file_says_exactly_what_the_defaults_are() -> None:
    assert load(DEFAULT_FILE, {}).config == Config() == load(None, {}).config
    shown = {setting.key for setting in load(None, {}).settings()}
    assert set(load(DEFAULT_FILE, {}).origins) == shown


def test_the_shipped_file_explains_every_setting() -> None:
    lines = DEFAULT_FILE.read_text(encoding="utf-8").splitlines()
    bare = [line for before, line in itertools.pairwise(lines) if " = " in line and not before.startswith("#")]
    assert bare == []


def test_a_variable_wins_over_the_file_and_the_file_over_the_default(tmp_path: Path) -> None:
    path = _file(tmp_path, '[server]\nport = 1\nhost = "0.0.0.0"\n')
    loaded = load(path, {"APPLIANCE_SERVER__PORT": "2"})
    assert (loaded.config.server.port, loaded.config.server.host) == (2, "0.0.0.0")
    assert loaded.config.sfu.port == Config().sfu.port
    assert loaded.origins == {"server.port": "APPLIANCE_SERVER__PORT", "server.host": str(path)}


def test_the_file_can_be_named_by_a_variable(tmp_path: Path) -> None:
    path = _file(tmp_path, "[face]\nfps = 20\n")
    assert load(None, {"APPLIANCE_CONFIG": str(path), "APPLIANCE_HOME": "/srv"}).config.face.fps == 20


def test_a_nested_section_can_be_set_by_a_variable() -> None:
    config = load(None, {"APPLIANCE_MIND__OPENAI_COMPATIBLE__BASE_URL": "http://10.0.0.2/v1"}).config
    assert config.mind.openai_compatible.base_url == "http://10.0.0.2/v1"


@pytest.mark.parametrize(("text", "value"), [("0.5", 0.5), ("1", 1.0)])
def test_a_whole_number_serves_where_a_fraction_is_asked(text: str, value: float) -> None:
    found = load(None, {"APPLIANCE_MIND__TEMPERATURE": text}).config.mind.temperature
    assert (found, type(found)) == (value, float)


@pytest.mark.parametrize(("text", "providers"), [('["a", "b"]', ("a", "b")), ('"a"', ("a",)), ("a", ("a",))])
def test_one_provider_is_a_list_of_one(text: str, providers: tuple[str, ...]) -> None:
    assert load(None, {"APPLIANCE_EARS__PROVIDER": text}).config.ears.provider == providers


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        ("[face]\nfsp = 25\n", "face.fsp", "face.fps"),
        ("[facee]\nfps = 25\n", "facee", "face"),
        (
            "[ears.openai_compatible]\nbase_ulr = 'x'\n",
            "ears.openai_compatible.base_ulr",
            "ears.openai_compatible.base_url",
        ),
    ],
)
def test_an_unknown_key_suggests_the_nearest(tmp_path: Path, text: str, key: str, near: str) -> None:
    path = _file(tmp_path, text)
    with pytest.raises(ConfigurationError, match=f"unknown configuration key {key}") as caught:
        load(path, {})
    assert caught.value.code == "unknown-key"
    assert caught.value.hint == f"did you mean {near}?"


def test_an_unknown_key_that_resembles_none_lists_them() -> None:
    with pytest.raises(ConfigurationError, match="from APPLIANCE_FACE__ZZZZZZZZZZZZ") as caught:
        load(None, {"APPLIANCE_FACE__ZZZZZZZZZZZZ": "1"})
    assert "face.fps" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[server]\nport = '1'\n", "server.port must be int"),
        ("[server]\nport = true\n", "server.port must be int"),
        ("[server]\nhost = 1\n", "server.host must be str"),
        ("[mind]\ntemperature = true\n", "mind.temperature must be float"),
        ("[ears]\nprovider = []\n", "ears.provider must be a list of strings"),
        ("[ears]\nprovider = [1]\n", "ears.provider must be a list of strings"),
        ("server = 1\n", "server is a section"),
        ("[face]\nvideo_codec = 'av1'\n", "face.video_codec must be one of auto, vp8, h264, not 'av1'"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        load(_file(tmp_path, text), {})
    assert caught.value.code == "wrong-type"


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"none\.toml") as caught:
        load(tmp_path / "none.toml", {})
    assert caught.value.code == "not-found"
    with pytest.raises(ConfigurationError, match=r"own\.toml is not TOML") as caught:
        load(_file(tmp_path, "[server"), {})
    assert caught.value.code == "bad-toml"
    (tmp_path / "own.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError) as caught:
        load(tmp_path / "own.toml", {})
    assert caught.value.code == "bad-toml"


def test_secrets_are_masked_and_nothing_else() -> None:
    loaded = load(None, {"APPLIANCE_VOICE__OPENAI_COMPATIBLE__API_KEY": "hush"})
    values = {setting.key: setting.value for setting in loaded.settings()}
    assert values["voice.openai_compatible.api_key"] == "********"
    assert values["ears.openai_compatible.api_key"] == '"none"'
    assert [key for key, value in values.items() if value == "********"] == ["voice.openai_compatible.api_key"]


@hypothesis.given(strategies.text(strategies.characters(codec="utf-8", exclude_characters="\0\n\r"), max_size=30))
def test_any_text_of_a_variable_is_a_setting_or_a_clear_error(text: str) -> None:
    try:
        persona = load(None, {"APPLIANCE_SESSION__PERSONA": text}).config.session.persona
    except ConfigurationError as error:
        assert error.code == "wrong-type"
    else:
        assert isinstance(persona, str)


def test_what_is_shown_can_be_read_back() -> None:
    """`appliance config` prints values as TOML writes them."""
    for setting in load(None, {}).settings():
        value = tomllib.loads(f"value = {setting.value}")["value"]
        found: object = Config()
        for name in setting.key.split("."):
            found = getattr(found, name)
        assert value == (list(found) if isinstance(found, tuple) else found)


def test_a_section_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Config().server.port = 1  # type: ignore[misc]
