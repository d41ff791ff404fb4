"""Where everything goes, what is there already, and the one way to stop: a sentence with the remedy."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
LOCKS = ROOT / "locks"
LIVEKIT_VERSION = "1.13.5"
# Measured: what a first installation takes, with the builds' own files, which are removed again.
VENV_BYTES = 1_500_000_000
CACHE_BYTES = 2_500_000_000


class SetupError(Exception):
    """What is wrong and what to do, in one sentence."""


def cache() -> Path:
    """The per-user folder of models, builds and tools; the same rule as in appliance/bundles/manifest.py."""
    home = os.environ.get("APPLIANCE_HOME")
    return Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "appliance"


def run(command: Sequence[str | Path], **environment: str) -> None:
    """Run a command of a step; its output goes to the step's log."""
    print("+", *command, flush=True)
    try:
        subprocess.run([str(word) for word in command], env={**os.environ, **environment}, check=True)
    except subprocess.CalledProcessError as error:
        raise SystemExit(error.returncode) from error


def works(command: Sequence[str | Path]) -> str | None:
    """What a command prints; None where it is missing or fails."""
    try:
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def uv() -> Path:
    """The uv to use: PATH's if it runs, else our own."""
    found = shutil.which("uv")
    if found and works([found, "--version"]) is not None:
        return Path(found)
    return cache() / "tools" / "uv" / "bin" / "uv"


def llama_lock() -> tuple[str, str]:
    """llama-cpp-python's requirement with its hashes, and its version."""
    block = _blocks(LOCKS / "cpu.txt")["llama-cpp-python"]
    version = re.match(r"llama-cpp-python==(\S+)", block)
    assert version is not None
    return block, version[1]


def without_llama(lock: Path) -> str:
    """A lock without the one package that is built here: a wheel of our own has another hash."""
    return "".join(block for name, block in _blocks(lock).items() if name != "llama-cpp-python")


def _blocks(lock: Path) -> dict[str, str]:
    """Package -> its lines; a package locked for several Pythons keeps all of them."""
    blocks: dict[str, str] = {}
    name = ""
    for line in lock.read_text(encoding="utf-8").splitlines(keepends=True):
        if line.startswith("#"):
            continue
        if found := re.match(r"[A-Za-z0-9._-]+", line):
            name = found[0]
        blocks[name] = blocks.get(name, "") + line
    return blocks


def cmake_args() -> str:
    """Only what Python loads is built, for this very processor; the owner's own arguments come last and win."""
    include = Path(__file__).with_name("llama.cmake")
    own = f"-DCMAKE_PROJECT_llama_cpp_INCLUDE={include} -DLLAVA_BUILD=OFF -DGGML_NATIVE=ON"
    return f"{own} {os.environ.get('CMAKE_ARGS', '')}".strip()


def wheel_folder() -> Path:
    """Where the wheel of llama-cpp-python for this version, processor, arguments and own settings is kept."""
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text(encoding="utf-8").splitlines() if cpu.exists() else []
    about = sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    arguments = cmake_args().replace(str(ROOT), "")
    own = [Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("llama.cmake", "llama_simd.h")]
    key = "\n".join([llama_lock()[0], arguments, *own, *about, sys.platform, os.uname().machine])
    return cache() / "wheels" / f"llama-{hashlib.sha256(key.encode()).hexdigest()[:16]}"


def llama_wheel() -> Path | None:
    """The finished wheel, if there is one."""
    return next(iter(wheel_folder().glob("*.whl")), None)


def livekit_server() -> Path | None:
    """The livekit-server that the box will run: the cache's, else PATH's of the same minor version."""
    cached = cache() / "bin" / f"livekit-server-v{LIVEKIT_VERSION}"
    if cached.is_file():
        return cached
    found = shutil.which("livekit-server")
    minor = LIVEKIT_VERSION.rpartition(".")[0]
    return Path(found) if found and f" {minor}." in (works([found, "--version"]) or "") else None


def stamp(lock: str) -> str:
    """What .venv is made from: it is complete when its stamp says just this."""
    parts = [(LOCKS / f"{lock}.txt").read_text(encoding="utf-8"), wheel_folder().name, str(ROOT)]
    parts.append((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def installed(lock: str) -> bool:
    """Whether .venv is complete; one made for the tests, or for training, serves to run the box as well."""
    file = VENV / "appliance-stamp"
    if not file.is_file() or works([PYTHON, "-c", ""]) is None:
        return False
    wanted = {lock} if lock != "cpu" else {"cpu", "dev", "train"}
    return file.read_text(encoding="utf-8") in {stamp(each) for each in wanted}
