"""One log pipeline: every library's records come out through structlog, as JSON lines or as text on a terminal."""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog

from appliance.config import LogsConfig
from appliance.errors import ConfigurationError

_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_NOISY = (
    "aiosqlite",
    "asyncio",
    "httpcore",
    "httpx",
    "httpx2",
    "openai",
    "urllib3",
    "faster_whisper",
    "livekit",
    "piper",
)


def configure(config: LogsConfig, stream: TextIO | None = None) -> None:
    """Send all records through one handler on `stream` (standard error when not given).

    Raises:
        ConfigurationError: the level or format is unknown.
    """
    if config.level not in _LEVELS:
        raise ConfigurationError(f"logs.level must be one of {', '.join(_LEVELS)}", code="wrong-type")
    if config.format not in ("auto", "json", "text"):
        raise ConfigurationError("logs.format must be auto, json or text", code="wrong-type")
    target: TextIO = stream or sys.stderr
    text = config.format == "text" or (config.format == "auto" and target.isatty())
    renderer = structlog.dev.ConsoleRenderer(colors=target.isatty()) if text else structlog.processors.JSONRenderer()
    shared = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.ExtraAdder(),
    ]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(config.level)
    quiet = max(logging.WARNING, logging.getLevelNamesMapping()[config.level])
    for name in _NOISY:
        logging.getLogger(name).setLevel(quiet)
