"""A face net's ONNX file in, its drawing half as a torch module out, and back: what was exported can be trained on.

The exporter keeps the weights' names, except those of a convolution with its normalisation, which it joins into one
convolution. Such a pair is read back as that convolution with a normalisation that changes nothing.
"""

from __future__ import annotations

import copy
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from onnx import numpy_helper
from torch import nn

from appliance.errors import AvatarError
from appliance.face.training.generator import Generator

_HALF = "generator."
_JOINED = "onnx::"


def read(path: Path) -> tuple[Any, Generator]:
    """Open a net: its graph, and its drawing half, in evaluation mode.

    Raises:
        AvatarError: code incompatible, the net was not made by this project's training.
    """
    model = onnx.load(path)
    generator = Generator().eval()
    values = {weight.name: numpy_helper.to_array(weight) for weight in model.graph.initializer}
    try:
        with torch.no_grad():
            for name, parameter in _named(generator).items():
                parameter.copy_(torch.from_numpy(_like(values[_HALF + name], parameter)))
            for (conv, norm), (weight, bias) in zip(_pairs(generator), _joined(model), strict=True):
                conv.weight.copy_(torch.from_numpy(_like(values[weight], conv.weight)))
                norm.bias.copy_(torch.from_numpy(_like(values[bias], norm.bias)))
                norm.weight.fill_((1 + norm.eps) ** 0.5)
    except (KeyError, ValueError) as error:
        raise AvatarError(
            f"{path.name} is not a net that can be trained on: {error}",
            code="incompatible",
            hint="use the talking-face net of models/face",
        ) from error
    return model, generator


def write(model: Any, generator: Generator) -> bytes:
    """The same net with other weights in its drawing half, as the content of an ONNX file."""
    changed = copy.deepcopy(model)
    values = {_HALF + name: parameter.detach().numpy() for name, parameter in _named(generator).items()}
    for (conv, norm), (weight, bias) in zip(_pairs(generator), _joined(model), strict=True):
        assert norm.running_var is not None, "a normalisation of the generator keeps its statistics"
        assert norm.running_mean is not None, "a normalisation of the generator keeps its statistics"
        gain = (norm.weight / torch.sqrt(norm.running_var + norm.eps)).detach()
        values[weight] = (conv.weight.detach() * gain[:, None, None, None]).numpy()
        values[bias] = (norm.bias.detach() - norm.running_mean * gain).numpy()
    for initializer in changed.graph.initializer:
        if initializer.name in values:
            value = np.ascontiguousarray(values[initializer.name], np.float32)
            initializer.CopyFrom(numpy_helper.from_array(value, initializer.name))
    return changed.SerializeToString()


def _pairs(generator: Generator) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Every convolution that is followed by its normalisation, in the order in which they are run."""
    found: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []
    for part in generator.modules():
        inner = list(part) if isinstance(part, nn.Sequential) else []
        for first, second in itertools.pairwise(inner):
            if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
                found.append((first, second))
    return found


def _named(generator: Generator) -> dict[str, nn.Parameter]:
    """The parameters that the exporter keeps by their names."""
    joined = {id(parameter) for pair in _pairs(generator) for module in pair for parameter in module.parameters()}
    return {name: parameter for name, parameter in generator.named_parameters() if id(parameter) not in joined}


def _joined(model: Any) -> list[tuple[str, str]]:
    """Names of weight and bias of the drawing half's joined convolutions, in the order in which they are run."""
    drawing = [node for node in model.graph.node if node.op_type == "Conv" and node.name.startswith("/generator/")]
    return [(node.input[1], node.input[2]) for node in drawing if node.input[1].startswith(_JOINED)]


def _like(value: NDArray[Any], parameter: torch.Tensor) -> NDArray[np.float32]:
    if value.shape != tuple(parameter.shape):
        raise ValueError(f"a weight is {value.shape}, not {tuple(parameter.shape)}")
    return np.array(value, np.float32)
