"""Prints a hash of all that pyproject.toml says about dependencies: the first line of every lock carries it."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def inputs() -> str:
    """64 hexadecimal digits."""
    tree = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project = tree["project"]
    asked = [project["requires-python"], project["dependencies"], project["optional-dependencies"]]
    overrides = (ROOT / "locks" / "gpu-overrides.in").read_text(encoding="utf-8")
    return hashlib.sha256(json.dumps([asked, tree["dependency-groups"], overrides]).encode()).hexdigest()


if __name__ == "__main__":
    print(inputs())
