"""Are there enough processors for a conversation without stutter?"""

from __future__ import annotations

import os

from appliance.config import Config
from appliance.doctor.finding import Finding, ok, warning

_ENOUGH = 2


def check(_config: Config, count: int | None = None) -> Finding:
    """Counts those that this process may use, which a container or affinity can limit."""
    usable = len(os.sched_getaffinity(0)) if count is None else count
    what = f"{usable} processor{'s' if usable != 1 else ''}"
    if usable >= _ENOUGH:
        return ok(what)
    return warning(what, "one visitor at 25 fps needs two processors; give the machine or container another")
