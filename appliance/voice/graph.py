"""Cuts a Piper model (an ONNX graph of VITS) into an encoder of the text and parts that run piece by piece.

ids -> encoder -> prior, mask, durations      once a clause, from text; all of the model's noise is drawn here
       prior, mask -> flow -> latent          convolutions over frames
                      latent -> decoder       up to its first upsampling, 8 columns a frame; from there to the second,
                                              64 columns a frame; from there to the samples, 256 a frame
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import onnx
from onnx import helper


@dataclass(frozen=True, slots=True)
class Convolutional:
    """A part whose output at one column of its input depends on a bounded number of columns beside it."""

    model: onnx.ModelProto
    """The part."""
    inputs: tuple[str, ...]
    """Its inputs, each (1, channels, columns)."""
    margin: int
    """Columns to each side that what it makes of one column depends on."""
    hop: int
    """Columns or samples it makes of one column."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The parts of a voice."""

    encoder: onnx.ModelProto
    """The model's own inputs -> prior, mask, frames of each phoneme id."""
    flow: Convolutional
    """prior, mask -> latent, one column a frame."""
    decoder: tuple[Convolutional, ...]
    """latent -> samples, one after the other: what looks far at few columns is apart from what looks near at many."""


_DECODER_CUTS = 2
"""Behind so many upsamplings; with one more, nothing was quicker."""


def cut(model: onnx.ModelProto) -> Cut | None:
    """The parts of `model`; None where its graph is not VITS for one speaker as Piper exports it."""
    graph = _Graph(model)
    durations = [node.output[0] for node in model.graph.node if node.op_type == "Ceil"]
    latent = graph.decoder_input()
    if len(durations) != 1 or latent is None:
        return None
    prior = graph.prior(durations[0])
    if prior is None:
        return None
    moving = graph.followers([prior])
    moved = [node for node in graph.needed([latent], stop=(prior,)) if moving.intersection(node.output)]
    varying = graph.followers(graph.inputs)
    beside = {name for node in moved for name in node.input if name in varying and name not in moving}
    if len(beside) != 1:  # the mask; another voice's speaker would come in here too
        return None
    mask = beside.pop()
    upsampled = [node.output[0] for node in model.graph.node if node.op_type == "ConvTranspose"]
    ends = [latent, *upsampled[:_DECODER_CUTS], model.graph.output[0].name]
    encoder = graph.part(graph.inputs, (prior, mask, durations[0]))
    flow = _convolutional(graph, (prior, mask), latent)
    parts = (_convolutional(graph, (start,), end) for start, end in pairwise(ends))
    decoder = tuple(part for part in parts if part is not None)
    if encoder is None or flow is None or len(decoder) < len(ends) - 1:
        return None
    return Cut(encoder, flow, decoder)


def _convolutional(graph: _Graph, inputs: tuple[str, ...], output: str) -> Convolutional | None:
    model = graph.part(inputs, (output,))
    return None if model is None else Convolutional(model, inputs, *_reach(model, inputs[0], output))


class _Graph:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._model = model
        self._nodes = list(model.graph.node)
        self._maker = {name: node for node in self._nodes for name in node.output}
        self.inputs = tuple(given.name for given in model.graph.input)

    def decoder_input(self) -> str | None:
        """What the convolution before the first upsampling takes."""
        node = next((node for node in self._nodes if node.op_type == "ConvTranspose"), None)
        while node is not None and node.op_type != "Conv":
            node = self._maker.get(node.input[0])
        return None if node is None else node.input[0]

    def prior(self, durations: str) -> str | None:
        """The sum of the text's mean and the noise: that noise which the durations do not depend on."""
        before = {name for node in self.needed([durations]) for name in node.output}
        noises = [n.output[0] for n in self._nodes if n.op_type == "RandomNormalLike" and n.output[0] not in before]
        if len(noises) != 1:
            return None
        name = noises[0]
        for node in self._nodes:
            if name in node.input:
                name = node.output[0]
                if node.op_type == "Add":
                    return name
        return None

    def followers(self, names: Iterable[str]) -> set[str]:
        """`names` and all that is made from them."""
        found = set(names)
        for node in self._nodes:
            if found.intersection(node.input):
                found.update(node.output)
        return found

    def needed(self, names: Iterable[str], stop: Collection[str] = ()) -> list[onnx.NodeProto]:
        """The nodes that make `names`, in order; those behind `stop` are left out."""
        wanted: set[str] = set()
        open_names = list(names)
        while open_names:
            name = open_names.pop()
            if name not in wanted and name not in stop:
                wanted.add(name)
                open_names += self._maker[name].input if name in self._maker else ()
        return [node for node in self._nodes if wanted.intersection(node.output)]

    def part(self, inputs: Sequence[str], outputs: Sequence[str]) -> onnx.ModelProto | None:
        """The model from `inputs` to `outputs`; None if it would need one of the whole model's inputs beside them."""
        nodes = self.needed(outputs, stop=inputs)
        used = {name for node in nodes for name in node.input}
        if used.intersection(self.inputs).difference(inputs):
            return None
        declared = {given.name: given for given in self._model.graph.input}
        frames = [1, None, None]
        graph = helper.make_graph(
            nodes,
            "part",
            [
                declared.get(name) or helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, frames)
                for name in inputs
            ],
            [helper.make_empty_tensor_value_info(name) for name in outputs],
            [stored for stored in self._model.graph.initializer if stored.name in used],
        )
        return helper.make_model(graph, opset_imports=self._model.opset_import, ir_version=self._model.ir_version)


def _reach(part: onnx.ModelProto, source: str, output: str) -> tuple[int, int]:
    """How far what is made of one column of `source` looks to each side, in columns; and how much is made of one."""
    far, rate = {source: 0.0}, {source: 1}
    for node in part.graph.node:
        before = [name for name in node.input if name in far]
        if not before:
            continue
        reach, scale = max(far[name] for name in before), max(rate[name] for name in before)
        if node.op_type in ("Conv", "ConvTranspose"):
            sizes = {a.name: a.ints[0] for a in node.attribute if a.name in ("kernel_shape", "dilations", "strides")}
            if node.op_type == "Conv":
                reach += (sizes["kernel_shape"] - 1) / 2 * sizes.get("dilations", 1) / scale
            else:
                reach += sizes["kernel_shape"] / sizes["strides"] / scale
                scale *= sizes["strides"]
        for name in node.output:
            far[name], rate[name] = reach, scale
    return math.ceil(far[output]), rate[output]
