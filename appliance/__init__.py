"""The avatar appliance: hears, thinks, speaks and shows its face, all on one box."""

from __future__ import annotations

import os

# ONNX Runtime writes down how it is used and sends that to its maker, unless this is set before it is loaded.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

# numpy's products wake a thread a core, which then spins for a while and takes the core from whoever computes next. On
# two cores a Whisper encoder took 101 ms behind one small product instead of 59, and the product 15 ms instead of 3.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# LiveKit's watch over event loops is a thread of its own for every visit.
os.environ.setdefault("LIVEKIT_AGENTS_LOOP_BLOCK_WARN_MS", "0")
# What the WebRTC library writes once it does not hand its log to Python any more (see webrtc.py); "warn" shows it.
os.environ.setdefault("RUST_LOG", "off")
