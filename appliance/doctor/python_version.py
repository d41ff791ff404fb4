"""Is this Python one that the locked packages are made for?"""

from __future__ import annotations

import platform
import sys

from appliance.config import Config
from appliance.doctor.finding import Finding, failed, ok

_FIRST, _LAST = (3, 11), (3, 14)


def check(_config: Config, version: tuple[int, int] = sys.version_info[:2]) -> Finding:
    what = f"Python {version[0]}.{version[1]} on {platform.system()} {platform.machine()}"
    if _FIRST <= version <= _LAST:
        return ok(what)
    return failed(what, "install Python 3.11 to 3.14 and run scripts/up again")
