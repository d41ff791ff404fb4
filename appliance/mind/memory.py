"""How much memory this process can still have: what the system has left and what its control group allows, in bytes."""

from __future__ import annotations

import re
from pathlib import Path

from appliance.errors import LLMError

_LIMITS = (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes"))
"""Files of a control group, version 2 and version 1."""


def available(proc: Path = Path("/proc"), groups: Path = Path("/sys/fs/cgroup")) -> int | None:
    """Bytes that can be taken without swapping; None where the system does not tell."""
    found = re.search(r"^MemAvailable:\s*(\d+) kB", _text(proc / "meminfo"), re.MULTILINE)
    amounts = [int(found[1]) * 1024] if found else []
    for group in _own_groups(proc, groups):
        for most, used in _LIMITS:
            limit, taken = _text(group / most).strip(), _text(group / used).strip()
            if limit.isdigit() and taken.isdigit():
                # The page cache counts as taken, and is given back first.
                cached = re.search(r"^(?:total_)?inactive_file (\d+)", _text(group / "memory.stat"), re.MULTILINE)
                amounts.append(int(limit) - int(taken) + (int(cached[1]) if cached else 0))
    return min(amounts, default=None)


def _own_groups(proc: Path, groups: Path) -> list[Path]:
    """The folders of this process's memory group; within a container the group looks like the root."""
    found = [groups, groups / "memory"]
    for line in _text(proc / "self" / "cgroup").splitlines():
        number, controllers, path = [*line.split(":", 2), "", ""][:3]
        if number == "0" or controllers == "memory":
            found.append(groups / controllers / path.lstrip("/"))
    return found


def check(n_bytes: int, what: str, hint: str, left: int | None) -> None:
    """Refuse what does not fit.

    Args:
        left: as `available` says.
    Raises:
        LLMError: code out-of-memory.
    """
    if left is not None and n_bytes > left:
        raise LLMError(
            f"{what} needs {n_bytes / 1e6:.0f} MB of memory, and {max(left, 0) / 1e6:.0f} MB are available",
            code="out-of-memory",
            hint=hint,
        )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
