"""The avatar appliance: hears, thinks, speaks and shows its face, all on one box."""

from __future__ import annotations

import os

# ONNX Runtime writes down how it is used and sends that to its maker, unless this is set before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
