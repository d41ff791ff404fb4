"""Does ONNX Runtime load, and is there just one of it? Its CPU and GPU packages overwrite each other."""

from __future__ import annotations

from importlib import metadata

from appliance.config import Config
from appliance.doctor.finding import Finding, failed, ok

_AGAIN = "run scripts/up, which installs the locked packages"


def check(_config: Config) -> Finding:
    packages = [name for name in ("onnxruntime", "onnxruntime-gpu") if _installed(name)]
    if len(packages) == 2:
        return failed("onnxruntime and onnxruntime-gpu are both installed: one overwrites the other", _AGAIN)
    try:
        import onnxruntime
    except ImportError as error:
        return failed(f"ONNX Runtime cannot be loaded: {error}", _AGAIN)
    providers: list[str] = onnxruntime.get_available_providers()
    short = ", ".join(provider.removesuffix("ExecutionProvider") for provider in providers)
    if "onnxruntime-gpu" in packages and "CUDAExecutionProvider" not in providers:
        return failed(f"onnxruntime-gpu offers no CUDA, only {short}", "install the CUDA libraries of its version")
    if "CPUExecutionProvider" not in providers:
        return failed(f"ONNX Runtime offers no CPU provider, only {short}", _AGAIN)
    return ok(f"ONNX Runtime {onnxruntime.__version__}: {short}")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True
