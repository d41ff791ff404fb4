"""What this machine can do, as `appliance size` measured it: kept in a file beside a fingerprint of the machine.

`appliance serve` reads it at start. Without one, the box serves few visitors, and all of them at full rate.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from appliance.bundles.manifest import load, state
from appliance.config import Config
from appliance.errors import AgentError, ConfigurationError
from appliance.ladder import RATES, STILL, Rung, Step

logger = logging.getLogger(__name__)

UNMEASURED = 3
"""Visitors at full rate of a machine that was not measured: what two cores of 2.5 GHz serve."""
_FORMAT = 1
_NVIDIA = Path("/proc/driver/nvidia/gpus")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """What the figures depend on; nothing that names the machine."""

    cpu: str
    """Model name of the processor."""
    cores: int
    """Those that this process may use."""
    gpu: str
    """Model names of NVIDIA's devices, or empty."""
    models: str
    """SHA-256 over the hashes of all model files, and the path of an avatar of one's own."""
    fps: int
    """Full rate of the face."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """How many visitors each step of the ladder is good for."""

    rungs: tuple[Rung, ...]
    """From the full rate on, each good for more visitors than the one before; the first may be good for none."""

    @property
    def speaking(self) -> int:
        """Visitors at full rate."""
        return self.rungs[0].visitors

    @property
    def connected(self) -> int:
        """Most visitors."""
        return self.rungs[-1].visitors


def steps(fps: int) -> tuple[Step, ...]:
    """The ladder's steps below and with a full rate of `fps`."""
    return (Step(fps), *(Step(rate) for rate in RATES if rate < fps), STILL)


def rising(rungs: Iterable[Rung]) -> tuple[Rung, ...]:
    """Without the steps that are good for no more visitors than a better one."""
    kept: list[Rung] = []
    for rung in rungs:
        if not kept or rung.visitors > kept[-1].visitors:
            kept.append(rung)
    return tuple(kept)


def in_force(measured: Capacity | None, visitors_max: int, fps: int) -> Capacity:
    """What the box goes by.

    Args:
        measured: of this machine, None when it was not measured.
        visitors_max: the owner's hard limit; 0 leaves it to the measurement.
        fps: full rate of the face.
    """
    rungs = _unmeasured(visitors_max, fps) if measured is None else measured.rungs
    if visitors_max <= 0:
        return Capacity(rungs)
    kept = [rung for rung in rungs if rung.visitors < visitors_max]
    # Where the owner wants more than the last step is good for, that step takes them all the same.
    last = rungs[len(kept)] if len(kept) < len(rungs) else kept.pop()
    return Capacity((*kept, Rung(last.step, visitors_max)))


def _unmeasured(visitors_max: int, fps: int) -> tuple[Rung, ...]:
    """Drawing is most of the work, so a lower rate is taken to be good for as many more; but only where asked for."""
    moving = rising(Rung(step, UNMEASURED * fps // step.fps) for step in steps(fps)[:-1])
    return (*moving, Rung(STILL, moving[-1].visitors + 1)) if visitors_max > 0 else (moving[0],)


def path() -> Path:
    """The file."""
    return state() / "capacity.json"


def fingerprint(config: Config) -> Fingerprint:
    """That of this machine with these settings.

    Raises:
        BundleError: there is no such manifest.
    """
    hashes = [file.sha256 for file in load(config.models.manifest).files]
    models = hashlib.sha256("\n".join([*hashes, config.face.avatar]).encode()).hexdigest()
    return Fingerprint(_cpu(), len(os.sched_getaffinity(0)), _gpu(), models, config.face.fps)


def write(capacity: Capacity, own: Fingerprint, figures: Mapping[str, Any]) -> Path:
    """Keep a measurement, whole or not at all.

    Args:
        figures: what it was computed from, for people.
    Raises:
        ConfigurationError: code not-writable.
    """
    rungs = [{"fps": rung.step.fps, "still": rung.step.still, "visitors": rung.visitors} for rung in capacity.rungs]
    content = {"format": _FORMAT, "fingerprint": asdict(own), "rungs": rungs, "figures": figures}
    target = path()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=target.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            json.dump(content, out, indent=1)
        Path(name).replace(target)
    except OSError as error:
        message = f"{target} cannot be written: {error.strerror}"
        raise ConfigurationError(
            message, code="not-writable", hint="set APPLIANCE_HOME to a folder of yours"
        ) from error
    return target


def read(config: Config) -> Capacity | None:
    """The last measurement if it is of this machine and these models; a warning says what to do where it is not."""
    try:
        content = json.loads(path().read_text(encoding="utf-8"))
        rungs = tuple(Rung(_step(rung), int(rung["visitors"])) for rung in content["rungs"])
        measured = _checked(content["format"], rungs)
        before = Fingerprint(**content["fingerprint"])
        changed = [name for name, value in asdict(fingerprint(config)).items() if value != getattr(before, name)]
    except FileNotFoundError:
        logger.info("this machine was not measured: run `appliance size`", extra={"visitors": UNMEASURED})
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError, AgentError) as error:
        logger.warning("capacity.json is not readable: run `appliance size`", extra={"error": type(error).__name__})
        return None
    if changed:
        logger.warning("the machine or its models changed: run `appliance size` again", extra={"changed": changed})
        return None
    return measured


def _checked(version: object, rungs: tuple[Rung, ...]) -> Capacity:
    numbers = [rung.visitors for rung in rungs]
    rising = all(after > before for before, after in pairwise(numbers))
    if version != _FORMAT or not numbers or numbers[0] < 0 or numbers[-1] < 1 or not rising:
        raise ValueError("not what this version writes")
    return Capacity(rungs)


def _step(rung: Mapping[str, Any]) -> Step:
    step = Step(int(rung["fps"]), bool(rung["still"]))
    if step.fps < 1:
        raise ValueError("no picture in a second")
    return step


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _gpu() -> str:
    models: list[str] = []
    for file in sorted(_NVIDIA.glob("*/information")):
        lines = file.read_text(encoding="utf-8").splitlines()
        models += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return ", ".join(models)
