"""The model in parts says what the whole one says, sample by sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from piper import PiperVoice

from appliance.voice.graph import cut
from appliance.voice.speech import pcm16
from appliance.voice.vits import SplitModel, Utterance, WholeModel, _plan, load
from tests.models.vits import CHANNELS, FRAMES, vits_model, write_vits
from tests.models.voice import HOP, write_voice

QUIET = (0.0, 1.0, 0.0)
"""Scales: no noise."""
USUAL = (0.667, 1.0, 0.8)


def whole(utterance: Utterance) -> np.ndarray:
    return np.concatenate(list(utterance.chunks))


def seeded(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model with noise that begins anew in every session."""
    for index, node in enumerate(node for node in model.graph.node if node.op_type == "RandomNormalLike"):
        kept = [attribute for attribute in node.attribute if attribute.name != "seed"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("seed", float(index + 1))])
    return model


def test_a_graph_of_vits_is_found_by_its_form() -> None:
    parts = cut(vits_model())
    assert parts is not None
    assert parts.flow.inputs == ("prior", "mask")
    assert (parts.flow.margin, parts.flow.hop) == (2, 1)
    assert [part.inputs for part in parts.decoder] == [("latent",), ("up1",), ("up2",)]
    # Kernels of 7, of 19 and of 7, and two columns of each upsampling.
    assert [(part.margin, part.hop) for part in parts.decoder] == [(3 + 2, 8), (9 + 2, 32), (3, 1)]
    assert not {node.op_type for node in parts.flow.model.graph.node} & {"RandomNormalLike", "Range"}
    assert "RandomNormalLike" in {node.op_type for node in parts.encoder.graph.node}


@pytest.mark.parametrize("lost", ["Ceil", "RandomNormalLike", "ConvTranspose"])
def test_a_graph_that_is_not_vits_is_left_whole(lost: str) -> None:
    model = vits_model()
    for node in model.graph.node:
        if node.op_type == lost:
            node.op_type = "Abs"
    assert cut(model) is None


def test_a_voice_of_several_speakers_is_left_whole() -> None:
    model = vits_model()
    model.graph.input.append(helper.make_tensor_value_info("sid", onnx.TensorProto.FLOAT, [1, CHANNELS, 1]))
    last = next(node for node in model.graph.node if "latent" in node.input)
    last.input[0] = "coloured"
    model.graph.node.insert(0, helper.make_node("Add", ["latent", "sid"], ["coloured"]))
    nodes = sorted(model.graph.node, key=lambda node: node.output[0] == "coloured")
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    assert cut(model) is None


@pytest.mark.parametrize("n_ids", [1, 5, 21, 22, 23, 40, 90, 300])
@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_are_the_whole(n_ids: int, threads: int) -> None:
    """With its noise: the seeds are the same, and both draw the same number of times."""
    parts = cut(vits_model())
    assert parts is not None
    split, unsplit = SplitModel(parts, threads), WholeModel(vits_model(), threads)
    for _ in range(3):
        mine, theirs = split.speak(range(1, n_ids + 1), USUAL), unsplit.speak(range(1, n_ids + 1), USUAL)
        assert mine.frames is not None
        assert theirs.frames is not None
        assert mine.frames.tolist() == theirs.frames.tolist() == [FRAMES] * n_ids
        ours = whole(mine)
        assert len(ours) == n_ids * FRAMES * HOP
        assert np.array_equal(pcm16(ours), pcm16(whole(theirs)))


def test_the_first_chunk_is_there_before_the_rest_is_made() -> None:
    parts = cut(vits_model())
    assert parts is not None
    utterance = SplitModel(parts, 1).speak(range(200), QUIET)
    sizes = [len(chunk) for chunk in utterance.chunks]
    assert sizes[:4] == [frames * HOP for frames in (16, 32, 64, 128)]
    assert sum(sizes) == 200 * FRAMES * HOP


def test_a_voice_whose_chunks_differ_is_not_run_in_chunks() -> None:
    parts = cut(vits_model())
    assert parts is not None
    split = SplitModel(parts, 1)
    split.check(range(100), USUAL)
    assert split.chunked
    assert len(list(split.speak(range(100), QUIET).chunks)) > 1
    split._decoder[1].margin = 0
    split.check(range(100), USUAL)
    assert not split.chunked
    assert len(list(split.speak(range(100), QUIET).chunks)) == 1


@pytest.mark.parametrize("n_frames", [1, 31, 32, 63, 64, 65, 96, 97, 128, 129, 500, 2000])
def test_chunks_have_no_gap_and_none_is_long(n_frames: int) -> None:
    plan = _plan(n_frames)
    assert [start for start, _ in plan] == [0, *(end for _, end in plan[:-1])]
    assert plan[-1][1] == n_frames
    assert all(0 < end - start <= 160 for start, end in plan)
    assert plan[0][1] <= 64


def test_a_model_is_loaded_in_parts_where_it_can_be(tmp_path: Path) -> None:
    assert isinstance(load(write_vits(tmp_path), 1), SplitModel)
    assert isinstance(load(write_voice(tmp_path), 1), WholeModel)


# ---- the real voice


@pytest.fixture(scope="module")
def joe(models: Path) -> Path:
    return models / "voice" / "en_US-joe-medium.onnx"


def ids(voice: PiperVoice, text: str) -> Sequence[int]:
    return voice.phonemes_to_ids([phoneme for sentence in voice.phonemize(text) for phoneme in sentence])


TEXTS = [
    "Yes.",
    "Please take a seat in the waiting room.",
    "Everything that you say stays on this machine, nothing is sent anywhere, and when you leave the room, the box "
    "forgets what you said and what it said to you.",
]


@pytest.mark.slow
@pytest.mark.parametrize("threads", [1, 2])
def test_the_real_voice_in_chunks_is_the_whole_one(joe: Path, threads: int) -> None:
    """The unsplit side is Piper's own code with the same noise; its graph is run in one piece."""
    model = seeded(onnx.load(str(joe)))
    parts = cut(model)
    assert parts is not None
    assert (parts.flow.margin, [part.hop for part in parts.decoder]) == (32, [8, 8, 4])
    split = SplitModel(parts, threads)
    stock = PiperVoice.load(joe)
    stock.session = WholeModel(model, threads)._session
    for text in TEXTS:
        given = ids(stock, text)
        ours = pcm16(whole(split.speak(given, (stock.config.noise_scale, 1.0, stock.config.noise_w_scale))))
        theirs = pcm16(np.asarray(stock.phoneme_ids_to_audio(given), np.float32))
        assert len(ours) == len(theirs)
        assert int((ours != theirs).sum()) == 0


@pytest.mark.slow
def test_the_real_voice_is_split_and_passes_its_own_check(joe: Path) -> None:
    model = load(joe, 1)
    assert isinstance(model, SplitModel)
    model.check(ids(PiperVoice.load(joe), TEXTS[1]), USUAL)
    assert model.chunked
