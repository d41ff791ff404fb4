"""Set-up: runs the steps that have something to do, those that can side by side, and shows how each is getting on.

usage: scripts/setup [--dev | --train]
"""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
from pathlib import Path

import steps
from places import CACHE_BYTES, PYTHON, ROOT, VENV, VENV_BYTES, SetupError, cache, uv, works
from progress import Board, Task

# What each step waits for; a step that is not needed counts as done.
_AFTER = {"packages": (), "llama": (), "livekit": (), "models": ("packages",), "finish": ("packages", "llama")}

# What is wanted beside the box itself, and the lock that has it all.
_LOCKS = {"--dev": "dev", "--train": "train"}

_SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def main() -> int:
    arguments = sys.argv[1:]
    lock = next((_LOCKS[word] for word in arguments if word in _LOCKS), "cpu")
    if arguments and arguments[0] in steps.STEPS:
        return _one(arguments[0], lock)
    if unknown := [word for word in arguments if word not in _LOCKS]:
        print(f"unknown option {unknown[0]}; usage: scripts/setup [--dev | --train]", file=sys.stderr)
        return 2
    try:
        return _all(lock)
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted: run it again to go on where it was", file=sys.stderr)
        return 130
    except OSError as error:
        print(
            f"\n{error.filename or 'the disk'}: {error.strerror}; free some space or check its owner", file=sys.stderr
        )
        return 1


def _one(step: str, lock: str) -> int:
    """One step, in this process; its last line is the sentence that says what is wrong."""
    try:
        steps.STEPS[step](lock)
    except SetupError as error:
        print(f"STOP {error}", flush=True)
        return 1
    return 0


def _all(lock: str) -> int:
    cache().mkdir(parents=True, exist_ok=True)
    with (cache() / ".setup.lock").open("w") as alone:
        try:
            fcntl.flock(alone, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another set-up is running: waiting for it", file=sys.stderr)
            fcntl.flock(alone, fcntl.LOCK_EX)
        names = steps.needed(lock)
        if names != ["models"]:
            _check(names)
        elif works([PYTHON, "-c", "from appliance.bundles.verify import files; files('nano')"]) is not None:
            return 0
        _board(names, lock).run()
    return 0


def _check(names: list[str]) -> None:
    """What would stop a step after minutes is looked for now."""
    if "llama" in names:
        compilers = [os.environ.get("CC", "cc"), os.environ.get("CXX", "c++")]
        if any(shutil.which(compiler.split()[0]) is None for compiler in compilers):
            raise SetupError(
                "No C and C++ compiler is installed (Debian, Ubuntu: sudo apt-get install build-essential)."
            )
    _room(ROOT, 0 if VENV.is_dir() else VENV_BYTES, "this checkout")
    builds = "llama" in names or "livekit" in names
    _room(cache(), CACHE_BYTES if builds else 0, "the cache (APPLIANCE_HOME can name another folder)")
    if works([uv(), "--version"]) is None:
        print("installing uv", file=sys.stderr)
        steps.bring_uv()
    if works([PYTHON, "-c", ""]) is None and VENV.exists() and not (VENV / "pyvenv.cfg").is_file():
        raise SetupError(f"{VENV} is not a Python environment: move it away and run this again.")


def _room(folder: object, need: int, what: str) -> None:
    free = shutil.disk_usage(str(folder)).free
    if free < need:
        raise SetupError(
            f"The disk is too full: {what} needs {need / 1e9:.1f} GB in {folder}, and {free / 1e9:.1f} GB are free."
        )


def _board(names: list[str], lock: str) -> Board:
    """Every step as a task with a process and a log of its own."""
    logs = cache() / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    environment = dict(os.environ)
    if "APPLIANCE_HOME" in environment:
        environment.setdefault("UV_CACHE_DIR", str(cache() / "uv"))
    if _SYSTEM_CERTIFICATES.is_file():  # a site's own authority is known to the system and to pip, but not to uv
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    if index := _mirror():
        environment.setdefault("UV_DEFAULT_INDEX", index)
    tasks = []
    for name in names:
        command = [sys.executable, str(Path(__file__).parent), name, *(word for word in _LOCKS if _LOCKS[word] == lock)]
        after = tuple(other for other in _AFTER[name] if other in names)
        tasks.append(Task(name, command, environment, logs / f"{name}.log", after))
    return Board(tasks)


def _mirror() -> str | None:
    """The site's own package index, where pip is told of one: uv does not read pip's settings."""
    if any(name in os.environ for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        return None
    return os.environ.get("PIP_INDEX_URL") or works([sys.executable, "-m", "pip", "config", "get", "global.index-url"])


if __name__ == "__main__":
    sys.exit(main())
