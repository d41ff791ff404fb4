"""Is there memory for the models and the visitors?"""

from __future__ import annotations

from pathlib import Path

from appliance.config import Config
from appliance.doctor.finding import Finding, failed, ok, warning

_LEAST_BYTES = 1_200_000_000
_GOOD_BYTES = 2_000_000_000


def check(_config: Config, meminfo: Path = Path("/proc/meminfo")) -> Finding:
    """Looks at what the kernel calls available: free, or freed at once when asked for."""
    lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines())
    available = int(lines["MemAvailable"].split()[0]) * 1024
    what = f"{available / 1e9:.1f} GB of memory available"
    if available < _LEAST_BYTES:
        return failed(what, f"the box needs {_LEAST_BYTES / 1e9:.1f} GB: end other programs or add memory")
    if available < _GOOD_BYTES:
        return warning(
            what, f"with less than {_GOOD_BYTES / 1e9:.0f} GB, lower session.visitors_max and mind.sequences"
        )
    return ok(what)
