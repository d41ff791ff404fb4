"""How soon does a reply begin, and for how many at once, beside the stock class? Goes to benchmarks/results."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if __name__ == "__main__":
    from appliance.cli.main import main

    sys.exit(main(["bench", "llm", "--save", str(ROOT / "benchmarks" / "results"), *sys.argv[1:]]))
