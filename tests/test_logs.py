"""The one log pipeline: what libraries and we log comes out as JSON lines or text, with its fields."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from appliance.config import LogsConfig
from appliance.errors import ConfigurationError
from appliance.logs import configure


@pytest.fixture(autouse=True)
def root_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {
        name: logger.level for name, logger in root.manager.loggerDict.items() if isinstance(logger, logging.Logger)
    }
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_has_the_message_its_fields_its_level_its_place_and_its_time() -> None:
    stream = io.StringIO()
    configure(LogsConfig(format="json"), stream)
    logging.getLogger("appliance.somewhere").info("transcript final", extra={"turn": 3, "seconds": 0.5})
    (line,) = lines(stream)
    assert line["event"] == "transcript final"
    assert (line["turn"], line["seconds"]) == (3, 0.5)
    assert (line["level"], line["logger"]) == ("info", "appliance.somewhere")
    assert str(line["timestamp"]).endswith("Z")


def test_what_is_no_terminal_gets_json() -> None:
    stream = io.StringIO()
    configure(LogsConfig(format="auto"), stream)
    logging.getLogger("x").warning("told")
    assert lines(stream)[0]["event"] == "told"


def test_text_is_for_people() -> None:
    stream = io.StringIO()
    configure(LogsConfig(format="text"), stream)
    logging.getLogger("x").warning("told", extra={"port": 7880})
    text = stream.getvalue()
    assert "told" in text
    assert "7880" in text
    assert not text.startswith("{")


def test_an_exception_comes_with_its_traceback_in_one_line() -> None:
    stream = io.StringIO()
    configure(LogsConfig(format="json"), stream)
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = lines(stream)
    assert line["event"] == "failed"
    assert "ValueError: why" in str(line["exception"])


def test_the_level_is_obeyed() -> None:
    stream = io.StringIO()
    configure(LogsConfig(level="ERROR", format="json"), stream)
    logging.getLogger("appliance.x").warning("not this")
    logging.getLogger("appliance.x").error("this")
    assert [line["event"] for line in lines(stream)] == ["this"]


def test_noisy_libraries_are_heard_from_warnings_on() -> None:
    stream = io.StringIO()
    configure(LogsConfig(level="INFO", format="json"), stream)
    logging.getLogger("livekit.agents").info("received job request")
    logging.getLogger("livekit.agents").warning("unresponsive")
    assert [line["event"] for line in lines(stream)] == ["unresponsive"]


def test_configuring_again_does_not_double_the_lines() -> None:
    first, second = io.StringIO(), io.StringIO()
    configure(LogsConfig(format="json"), first)
    configure(LogsConfig(format="json"), second)
    logging.getLogger("x").warning("once")
    assert first.getvalue() == ""
    assert len(lines(second)) == 1


@pytest.mark.parametrize("config", [LogsConfig(level="LOUD"), LogsConfig(format="xml")])
def test_an_unknown_level_or_format_is_refused(config: LogsConfig) -> None:
    with pytest.raises(ConfigurationError, match="must be"):
        configure(config)
