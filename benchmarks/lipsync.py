"""Do the lips do what the voice says? Every measurement goes to benchmarks/results."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    from appliance.cli.main import main

    results = str(ROOT / "benchmarks" / "results")
    sys.exit(main(["bench", "lipsync", "--save", results, *sys.argv[1:]]))
