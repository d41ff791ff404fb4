"""How soon are the words there, and are they right, beside faster-whisper? Goes to benchmarks/results."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    from appliance.cli.main import main

    sys.exit(main(["bench", "stt", "--save", str(ROOT / "benchmarks" / "results"), *sys.argv[1:]]))
