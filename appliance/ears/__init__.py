"""Ears: speech in, words out."""

import os

# What Whisper computes with reads these when it is loaded, and no module of this package is imported before them.
# CTranslate2's threads are OpenMP's: see appliance/mind/__init__.py for what spinning does to a busy neighbour.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("GOMP_SPINCOUNT", "300")
