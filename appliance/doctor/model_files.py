"""Are all model files there, and exactly those of the manifest?"""

from __future__ import annotations

from appliance.bundles.manifest import load
from appliance.bundles.verify import verify
from appliance.config import Config
from appliance.doctor.finding import Finding, failed, ok
from appliance.errors import BundleError


def check(config: Config) -> Finding:
    try:
        bundle = load(config.models.manifest)
        verify(bundle)
    except BundleError as error:
        return failed(error.message, error.hint)
    size = sum(file.bytes for file in bundle.files)
    return ok(f"{bundle.name}: {len(bundle.files)} files, {size / 1e6:.0f} MB")
