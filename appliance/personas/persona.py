"""A persona file (TOML) comes in, a checked `Persona` goes out."""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, cast

from appliance.errors import ConfigurationError

_FOLDER = Path(__file__).parent
_OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Entry:
    """One approved answer and the ways people ask for it."""

    id: str
    """Name of the entry, unique in its persona."""
    questions: tuple[str, ...]
    """Phrasings as people say them; at least one."""
    answer: str
    """What is spoken, word for word."""
    small_talk: bool = False
    """A pleasantry: it loses to any other question in the same utterance."""
    repeat: bool = False
    """The visitor wants to hear the last reply again; `answer` is said when there is none."""
    urgent: bool = False
    """Somebody may be in danger: a weaker match is enough."""


@dataclass(frozen=True, slots=True)
class Persona:
    """Who the visitor talks to."""

    name: str
    """What the persona calls itself."""
    greeting: str
    """First words of a conversation, spoken as they stand."""
    instructions: str
    """System prompt of the language model; constant, so that it is prefilled once."""
    voice: str
    """Name of a voice model."""
    face: str
    """Name of an avatar."""
    language: str
    """Language tag of all texts, such as `en`."""
    unknown: tuple[str, ...]
    """What is said when there is no answer; used in turn."""
    entries: tuple[Entry, ...]
    """Approved answers."""
    trouble: str = ""
    """What is said when a reply could not be made; the first of `unknown` where the file has none."""
    outside: tuple[str, ...] = ()
    """Questions that are not answered from the entries though they sound close."""


def available() -> tuple[str, ...]:
    """Names of the shipped personas, sorted."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.toml") if path.stem != _OUTSIDE))


def load(name_or_path: str | Path) -> Persona:
    """Read one persona, shipped (by name) or the owner's (by path to a `.toml` file).

    Raises:
        ConfigurationError: no such persona, not TOML, an unknown or missing key, a wrong type, or an id used twice.
            `code` is unknown-persona, not-toml, unknown-key, missing-key, wrong-type or duplicate-entry.
    """
    path = _find(name_or_path)
    persona = _persona(_read(path), path.name)
    if persona.language.partition("-")[0].lower() != "en":
        return persona
    world = _strings(_read(_FOLDER / f"{_OUTSIDE}.toml").get("questions"), "questions", f"{_OUTSIDE}.toml")
    own = {question.lower() for question in persona.outside}
    wide = tuple(question for question in world if question.lower() not in own)
    return replace(persona, outside=persona.outside + wide)


def _find(name_or_path: str | Path) -> Path:
    text = str(name_or_path)
    if text in available():
        return _FOLDER / f"{text}.toml"
    path = Path(text)
    if path.suffix == ".toml" and path.is_file():
        return path
    near = difflib.get_close_matches(text, available(), n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"shipped personas: {', '.join(available())}; or give a .toml file"
    raise ConfigurationError(f"no persona {text}", code="unknown-persona", hint=hint)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path.name} is not valid TOML: {error}", code="not-toml", hint="correct the line it names"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", code="unknown-persona") from error


def _persona(table: dict[str, Any], file: str) -> Persona:
    known = [field.name for field in fields(Persona) if field.name != "entries"] + ["entry"]
    _check_keys(table, known, file)
    rows = table.get("entry", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in cast("list[object]", rows)):
        raise _wrong_type("entry", "a list of tables, each under [[entry]]", file)
    entries = tuple(_entry(row, f"{file}, entry {index}") for index, row in enumerate(rows, 1))
    seen: set[str] = set()
    for entry in entries:
        if entry.id in seen:
            raise ConfigurationError(
                f"{file} has two entries with id {entry.id}", code="duplicate-entry", hint="give each entry its own id"
            )
        seen.add(entry.id)
    texts = {key: _text(table, key, file) for key in ("name", "greeting", "instructions", "voice", "face", "language")}
    outside = _strings(table["outside"], "outside", file) if table.get("outside") else ()
    unknown = _strings(table.get("unknown"), "unknown", file)
    trouble = _text(table, "trouble", file) if "trouble" in table else unknown[0]
    return Persona(**texts, unknown=unknown, entries=entries, trouble=trouble, outside=outside)


def _entry(row: dict[str, Any], where: str) -> Entry:
    _check_keys(row, [field.name for field in fields(Entry)], where)
    name = _text(row, "id", where)
    where = f"{where} ({name})"
    flags = {key: row.get(key, False) for key in ("small_talk", "repeat", "urgent")}
    for key, value in flags.items():
        if not isinstance(value, bool):
            raise _wrong_type(key, "true or false", where)
    return Entry(
        id=name,
        questions=_strings(row.get("questions"), "questions", where),
        answer=_text(row, "answer", where),
        **flags,
    )


def _check_keys(table: dict[str, Any], known: list[str], where: str) -> None:
    for key in table:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
            raise ConfigurationError(
                f"unknown key {key} in {where}",
                code="unknown-key",
                hint=f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}",
            )


def _text(table: dict[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ConfigurationError(f"{where} has no {key}", code="missing-key", hint=f"add a line {key} = ...")
    if not isinstance(value, str):
        raise _wrong_type(key, "a string", where)
    return " ".join(value.split())


def _strings(value: object, key: str, where: str) -> tuple[str, ...]:
    if value is None or value == []:
        raise ConfigurationError(f"{where} has no {key}", code="missing-key", hint=f"add a line {key} = [...]")
    items = cast("list[object]", value) if isinstance(value, list) else [value]
    if not all(isinstance(item, str) and item.strip() for item in items):
        raise _wrong_type(key, "a list of strings that are not empty", where)
    return tuple(" ".join(str(item).split()) for item in items)


def _wrong_type(key: str, wanted: str, where: str) -> ConfigurationError:
    return ConfigurationError(f"{key} in {where} must be {wanted}", code="wrong-type", hint="correct that line")
