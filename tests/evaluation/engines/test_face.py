"""What the face's measurement compares, and how its figures come from single measurements."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path

import numpy as np
import pytest
from livekit import rtc

from appliance.bundles.verify import files
from appliance.cli.bench import face as cli
from appliance.config import load as configuration
from appliance.errors import AvatarError
from appliance.evaluation.engines import face
from appliance.evaluation.engines.face import Samples
from appliance.evaluation.engines.plain_face import PlainFace
from appliance.evaluation.engines.published import core_share, speak, stage
from appliance.evaluation.plot import dots
from appliance.evaluation.speech import Speech
from appliance.face.avatar import load_avatar
from appliance.stage.publisher import RATE_HZ, PublishOptions
from tests.fakes.face import FakeFace
from tests.models import generate


def frame(seconds: float) -> rtc.AudioFrame:
    pcm = np.full(round(seconds * RATE_HZ), 3000, np.int16)
    return rtc.AudioFrame(pcm.tobytes(), RATE_HZ, 1, len(pcm))


def test_the_figures_are_medians() -> None:
    samples = Samples(
        ms_per_frame=[6.0, 5.0, 50.0],
        stock_ms_per_frame=[11.0, 12.0, 13.0],
        batch_ms_per_frame={"1": [7.0], "4": [5.0, 6.0]},
        heard_ms_per_frame=[8.0],
        core_share_speaking=[0.3121],
        core_share_silent=[0.1],
        first_picture_ms=[9.0],
        frames_late=1,
        frames_spoken=250,
    )
    figures = samples.figures()
    assert figures["ms_per_frame"] == 6.0
    assert figures["stock_ms_per_frame"] == 12.0
    assert figures["ratio"] == 0.5
    assert figures["core_share_speaking"] == 0.312
    assert figures["batch_ms_per_frame"] == {"1": 7.0, "4": 5.5}
    assert figures["late_share"] == 0.004
    json.dumps(figures)


def test_the_plain_face_pastes_the_whole_box_into_the_frame() -> None:
    avatar = load_avatar(generate.HERE / "tiny.avatar")
    plain = PlainFace(generate.HERE / "grey_mouth.onnx", avatar, threads=1)
    picture = np.frombuffer(plain.draw(7, np.full((80, 16), 4, np.float32)), np.uint8).reshape(120, 96)
    left, top, side = generate.BOX
    # The grey mouth is 128 in BGR, which is 126 in limited-range luma; it fills the lower half of the box.
    mouth = picture[top + side // 2 + 4 : top + side - 4, left + 4 : left + side - 4].astype(int)
    assert np.abs(mouth - 126).max() <= 2
    assert np.abs(picture[: top - 2].astype(int) - avatar.frames[7 % avatar.n_frames][: top - 2]).max() <= 3


def test_an_utterance_is_as_long_as_asked_for_and_as_the_voice_hands_it_over() -> None:
    speech = Speech([frame(0.5)] * 9)
    utterance = face._utterance(speech, 2.2)  # pyright: ignore[reportPrivateUsage]
    assert [piece.duration for piece in utterance] == [0.5] * 5


def test_small_times_are_plotted_in_milliseconds() -> None:
    assert ">15 ms</text>" in dots({"box": [11.0]}, "title", step_ms=5)
    assert ">0.5 s</text>" in dots({"box": [700.0]}, "title")


def test_the_command_takes_the_options_of_all_measurements() -> None:
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    args = parser.parse_args(["--quick", "--json", "--save", "out"])
    assert (args.quick, args.json, args.rounds, args.runs) == (True, True, 12, 3)


@pytest.mark.slow
async def test_a_face_is_published_to_somebody_who_watches() -> None:
    drawn = FakeFace()
    async with stage(drawn, PublishOptions()) as publisher:
        silent = await core_share(0.5)
        spoken = await speak(publisher, drawn, 0, [frame(0.2)] * 5)
    assert drawn.pushed == {0: RATE_HZ}
    assert drawn.closed
    assert spoken.core_share > 0
    assert silent < 2
    assert spoken.late == 0


class Frozen(FakeFace):
    """A face that draws nothing."""

    async def wait(self, segment: int, index: int) -> None:
        await asyncio.Event().wait()


@pytest.mark.slow
async def test_a_face_that_draws_nothing_ends_the_measurement() -> None:
    drawn = Frozen(late=True)
    async with stage(drawn, PublishOptions()) as publisher:
        with pytest.raises(AvatarError, match="no picture"):
            await speak(publisher, drawn, 0, [frame(0.2)] * 2)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_the_boxs_own_voice_is_drawn_told_and_heard(models: Path) -> None:
    assert models
    config = configuration().config
    samples = await face.measure(config, files(config.models.manifest), face.Plan(1, 1, 2.0, 0.2), lambda _: None)
    assert [len(found) for found in (samples.ms_per_frame, samples.heard_ms_per_frame)] == [1, 1]
    assert samples.core_share_speaking[0] > samples.core_share_silent[0]
    assert 0 < samples.first_picture_ms[0] < 30_000
    assert samples.frames_spoken == 50
