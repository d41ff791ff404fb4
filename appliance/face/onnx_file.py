"""An ONNX file in, its graph checked out, and sessions of it: for every net that the face opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx.inliner
import onnxruntime as ort
from onnx import TensorProto, defs, shape_inference

from appliance.errors import AvatarError

CUDA = "CUDAExecutionProvider"
BROKEN = "run `appliance models verify`, or fetch or add the net again"
"""What to do about a net that does not work."""

FILE_LIMIT = 1900 * 2**20
"""Most bytes of a file: what ONNX can keep in one, and less than the box has memory for."""
_TENSOR_LIMIT = 2**30
"""Most bytes of one tensor at work: a small file can ask for any amount."""
_OPSET_MIN = 11
"""The operators that are put around a net exist from here on."""
_DOMAINS = {"", "ai.onnx", "com.microsoft"}
"""Whose operators ONNX Runtime brings itself."""


def read(source: Path | bytes, name: str = "") -> Any:
    """Open a net and check it, without running anything of it.

    Args:
        source: a file, or the content of one.
        name: what it is called in errors; a file's own name where none is given.
    Raises:
        AvatarError: not-found, too-large (the file, or a tensor at work), or incompatible (no ONNX, weights in other
            files, an old opset, operators that are not ONNX's).
    """
    name = name or (source.name if isinstance(source, Path) else "the net")
    if isinstance(source, Path) and not source.is_file():
        raise AvatarError(f"there is no net at {source}", code="not-found", hint=BROKEN)
    if (source.stat().st_size if isinstance(source, Path) else len(source)) > FILE_LIMIT:
        raise AvatarError(f"{name} is larger than 1.9 GB", code="too-large", hint="use a smaller net")
    try:
        content = source.read_bytes() if isinstance(source, Path) else source
        model: Any = onnx.load_model_from_string(content)
    except Exception as error:
        raise _not_onnx(name) from error
    if not model.graph.node:
        raise _not_onnx(name)
    if any(tensor.data_location == TensorProto.EXTERNAL for tensor in _tensors(model)):
        raise AvatarError(f"{name} keeps its weights in other files", code="incompatible", hint="export one file")
    if opset(model) < _OPSET_MIN:
        message = f"{name} is of opset {opset(model)}"
        raise AvatarError(message, code="incompatible", hint=f"export it with {_OPSET_MIN} or later")
    if unknown := _unknown_operators(model):
        message = f"{name} needs operators that are not ONNX's: {', '.join(unknown)}"
        raise AvatarError(message, code="incompatible", hint="export it with standard operators only")
    try:
        onnx.checker.check_model(model)
        model = onnx.inliner.inline_local_functions(model) if model.functions else model
        inferred = shape_inference.infer_shapes(model, data_prop=True)
    except Exception as error:
        raise _not_onnx(name) from error
    if any(_bytes(item.type.tensor_type) > _TENSOR_LIMIT for item in inferred.graph.value_info):
        message = f"{name} makes a tensor of more than 1 GiB"
        raise AvatarError(message, code="too-large", hint="use a net for smaller pictures")
    return model


def session(source: bytes | Path, name: str, *, threads: int) -> ort.InferenceSession:
    """Make a graph ready to run.

    Args:
        source: a serialized model, or the path of one.
        name: what it is called in errors.
        threads: CPU threads of one run.
    Raises:
        AvatarError: the runtime does not take it.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 4
    # A spinning thread takes a core from the other engines between two frames.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = chosen_providers(ort.get_available_providers())
    try:
        return ort.InferenceSession(source, options, providers=providers)
    except Exception as error:
        raise AvatarError(f"{name} cannot be opened", code="incompatible", hint=BROKEN) from error


class BoundSession:
    """A graph that is run on values wherever they lie.

    The runtime's own `run_with_ort_values` does this, too, but takes 0.06 ms to check what it checked before.
    """

    def __init__(self, runtime: ort.InferenceSession) -> None:
        """Take a graph that is ready to run."""
        self._runtime = runtime
        self._inputs = [item.name for item in runtime.get_inputs()]
        self.cuda = CUDA in runtime.get_providers()
        """Whether it runs on a GPU."""

    def run(self, names: Sequence[str], feeds: Mapping[str, ort.OrtValue]) -> list[ort.OrtValue]:
        """Give the named outputs, in CPU memory, of inputs by name, among which may be others."""
        bound = self._runtime.io_binding()
        for name in self._inputs:
            bound.bind_ortvalue_input(name, feeds[name])
        for name in names:
            bound.bind_output(name)
        self._runtime.run_with_iobinding(bound)
        return list(bound.get_outputs())


def chosen_providers(available: Sequence[str]) -> list[tuple[str, dict[str, str]]]:
    """Where a net runs, with the runtime's options, best first: on a GPU where onnxruntime was built for one.

    Batches come in few sizes, so that its convolutions are looked up, not tried out anew for each.
    """
    wanted = {CUDA: {"cudnn_conv_algo_search": "HEURISTIC"}, "CPUExecutionProvider": {}}
    return [(name, settings) for name, settings in wanted.items() if name in available]


def opset(model: Any) -> int:
    """The version of ONNX's own operators that a model uses."""
    return max((item.version for item in model.opset_import if item.domain in {"", "ai.onnx"}), default=0)


def inputs(model: Any) -> dict[str, list[int | str]]:
    """The shape of each input that is no weight: a number, or a name where any number does ("" where none is told)."""
    weights = {weight.name for weight in model.graph.initializer}
    return {
        item.name: [
            dim.dim_value if dim.HasField("dim_value") else dim.dim_param for dim in item.type.tensor_type.shape.dim
        ]
        for item in model.graph.input
        if item.name not in weights
    }


def _not_onnx(name: str) -> AvatarError:
    hint = "give an .onnx file that is whole; `appliance models verify` checks those that are installed"
    return AvatarError(f"{name} is not an ONNX model", code="incompatible", hint=hint)


def _tensors(model: Any) -> Iterator[Any]:
    yield from model.graph.initializer
    for node in model.graph.node:
        yield from (attribute.t for attribute in node.attribute if attribute.HasField("t"))


def _unknown_operators(model: Any) -> list[str]:
    own = {(function.domain, function.name) for function in model.functions}
    found = {(node.domain, node.op_type) for node in model.graph.node} - own
    return sorted(
        f"{domain}.{name}".lstrip(".")
        for domain, name in found
        if domain not in _DOMAINS or (domain != "com.microsoft" and not defs.has(name, domain.removeprefix("ai.onnx")))
    )


def _bytes(kind: Any) -> int:
    """What a float tensor of this shape takes, one row of a batch; 0 where the shape is not known."""
    if not kind.HasField("shape"):
        return 0
    n_values = 1
    for dim in kind.shape.dim:
        n_values *= dim.dim_value if dim.HasField("dim_value") else 1
    return 4 * n_values
