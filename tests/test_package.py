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


def test_numpy_computes_on_its_callers_thread() -> None:
    """Its own threads spin when they have nothing to do, and take the cores from the engines."""
    code = "import appliance, os, numpy; a = numpy.ones((500, 500)); a @ a; print(len(os.listdir('/proc/self/task')))"
    variables = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, env=variables)
    assert done.stdout == "1\n", done.stderr
