from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NET = ROOT / "tests" / "models" / "grey_mouth.onnx"


def test_onnx_runtime_keeps_no_record_of_its_use(tmp_path: Path) -> None:
    """Its packages send one to their maker by default; on disk it lies in the home of whoever runs it."""
    code = f"import appliance, onnxruntime; onnxruntime.InferenceSession({str(NET)!r}); print('ran')"
    variables = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    for name in ("XDG_CACHE_HOME", "CI"):  # either would hide a record
        variables.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env={**variables, "HOME": str(tmp_path)}
    )
    assert done.stdout == "ran\n", done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
