"""Is there a livekit-server, of the version that the box is made for?"""

from __future__ import annotations

import asyncio
import subprocess

from appliance import sfu
from appliance.config import Config
from appliance.doctor.finding import Finding, failed, ok, warning
from appliance.errors import ConfigurationError

_TIMEOUT_S = 10.0


def check(config: Config) -> Finding:
    try:
        binary = asyncio.run(sfu.find_binary(config.sfu.binary))
    except ConfigurationError as error:
        return failed(error.message, error.hint)
    try:
        done = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return failed(f"{binary} does not run: {error}", "run scripts/up, which builds it, or set sfu.binary")
    version = done.stdout.strip()
    minor = sfu.VERSION.rpartition(".")[0]
    if f" {minor}." in f" {version}":
        return ok(f"{version} ({binary})")
    return warning(f"{version} ({binary})", f"the box is tested with {minor}: run scripts/up, or unset sfu.binary")
