"""Model files on disk in, paths that may be opened out: each is refused unless its size and SHA-256 are the manifest's.

A stamp (size, times, inode) beside the files saves the hashing of one that has not been touched since it was right.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import cast

from appliance.bundles.manifest import Manifest, ModelFile, cache, load
from appliance.errors import BundleError

Progress = Callable[[int, int, str], None]
"""Called with bytes done, bytes in all, and the name of what is at work."""

_CHUNK = 1 << 20


def files(manifest: str | Manifest) -> Mapping[str, Path]:
    """Check every file of a manifest, and only then tell where each role's are.

    Args:
        manifest: a manifest, its name, or the path of one.
    Returns:
        role -> the file or folder that its engine opens.
    Raises:
        BundleError: codes not-found, checksum-mismatch, bad-manifest.
    """
    bundle = load(manifest) if isinstance(manifest, str) else manifest
    verify(bundle)
    return bundle.opens


def verify(bundle: Manifest, *, trust_stamps: bool = True, progress: Progress | None = None) -> None:
    """Check every file.

    Args:
        trust_stamps: False hashes all files again.
    Raises:
        BundleError: codes not-found, checksum-mismatch; names the first file that is not right.
    """
    stamps = _Stamps()
    total = sum(file.bytes for file in bundle.files)
    done = 0
    for file in bundle.files:
        if progress is not None:
            progress(done, total, file.name)
        if not (trust_stamps and stamps.holds(file)):
            if error := fault(file):
                raise error
            stamps.put(file)
        done += file.bytes
    stamps.save()
    if progress is not None:
        progress(done, total, "")


def fault(file: ModelFile) -> BundleError | None:
    """What is wrong with a file, by its size and then its hash; None if nothing is."""
    remedy = "run `appliance models fetch`" if file.package else "restore it: git checkout -- models"
    try:
        size = file.path.stat().st_size
        if size != file.bytes:
            message = f"model file {file.path} has {size} bytes, not {file.bytes}"
            return BundleError(message, code="checksum-mismatch", hint=remedy)
        found = sha256(file.path)
    except FileNotFoundError:
        return BundleError(f"model file {file.path} is missing", code="not-found", hint=remedy)
    except OSError as error:
        message = f"model file {file.path} cannot be read: {error.strerror}"
        return BundleError(message, code="not-found", hint="check its owner and permissions")
    if found == file.sha256:
        return None
    message = f"model file {file.path} has SHA-256 {found}, not {file.sha256}"
    return BundleError(message, code="checksum-mismatch", hint=remedy)


def sha256(path: Path) -> str:
    """Hash of a file's content, as 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


class _Stamps:
    """What the files were like when their hash was last right; losing it costs only time."""

    def __init__(self) -> None:
        self._path = cache() / "models" / ".verified.json"
        self._changed = False
        try:
            read = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            read = None
        self._stamps = cast("dict[str, object]", read) if isinstance(read, dict) else {}

    def holds(self, file: ModelFile) -> bool:
        try:
            return self._stamps.get(str(file.path)) == _stamp(file)
        except OSError:
            return False

    def put(self, file: ModelFile) -> None:
        self._stamps[str(file.path)] = _stamp(file)
        self._changed = True

    def save(self) -> None:
        if not self._changed:
            return
        with contextlib.suppress(OSError):  # a system-wide cache that we may only read
            self._path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=self._path.parent, prefix=".verified-")
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                json.dump(self._stamps, stream)
            Path(temporary).replace(self._path)


def _stamp(file: ModelFile) -> list[object]:
    """The change time cannot be set by hand, so a swapped file of the same size and date is hashed again."""
    found = file.path.stat()
    return [file.sha256, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
