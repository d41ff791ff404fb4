"""Every check in order, each by its name."""

from __future__ import annotations

import importlib
from collections.abc import Iterator

from appliance.config import Config
from appliance.doctor.finding import Finding

CHECKS = (
    "python_version",
    "processors",
    "memory",
    "disk_space",
    "loopback",
    "ports",
    "onnx_providers",
    "livekit_server",
    "model_files",
)


def examine(config: Config) -> Iterator[tuple[str, Finding]]:
    """Run the checks; yields each one's name with dashes, and what it found."""
    for name in CHECKS:
        module = importlib.import_module(f"appliance.doctor.{name}")
        yield name.replace("_", "-"), module.check(config)
