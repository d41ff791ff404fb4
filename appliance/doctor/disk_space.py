"""Is there room on the disk for what the box writes?"""

from __future__ import annotations

import shutil

from appliance.bundles.manifest import cache
from appliance.config import Config
from appliance.doctor.finding import Finding, failed, ok

_LEAST_BYTES = 500_000_000


def check(_config: Config, least_bytes: int = _LEAST_BYTES) -> Finding:
    folder = cache()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    what = f"{free / 1e9:.1f} GB free in {folder}"
    if free >= least_bytes:
        return ok(what)
    return failed(what, "free some space, or set APPLIANCE_HOME to a folder on a larger disk")
