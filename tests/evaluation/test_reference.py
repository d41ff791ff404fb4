"""The real face, rendered offline: its own pictures, sent late by a known time, are found to be late by that time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from appliance.bundles.verify import files
from appliance.config import load
from appliance.evaluation.measures import Stretch, stretches
from appliance.evaluation.microphone import read
from appliance.evaluation.mouth import find_mouth, offset
from appliance.evaluation.reference import Reference
from appliance.evaluation.timeline import RATE_HZ, Heard, Seen

FRAME = RATE_HZ // 100


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_pictures_of_the_real_face_are_found_where_they_were_put(models: Path, data: Path) -> None:
    config = load().config
    if "face" not in files(config.models.manifest):
        pytest.skip("no face among the model files")
    silence = np.zeros(3 * RATE_HZ, np.int16)
    speech = np.concatenate([read(data / "speech" / f"spk1_snt{n}.wav").pcm for n in (1, 3)])
    pcm = np.concatenate((silence, speech, silence))
    heard = [Heard(i / RATE_HZ, pcm[i : i + FRAME]) for i in range(0, len(pcm) - FRAME, FRAME)]
    sounds = stretches(heard)
    whole = Stretch(sounds[0].start_s, sounds[-1].end_s)
    async with Reference(config) as reference:
        rendered = await reference.render(heard, whole)
        everything = await reference.render(heard, Stretch(0.0, heard[-1].at_s))
    seen = [Seen(frame.at_s + 0.063, frame.cells) for frame in everything]
    mouth = find_mouth(seen, sounds)
    assert mouth is not None, "the mouth moves with the voice"
    found = offset(mouth, seen, rendered)
    assert found is not None
    assert found.ms == pytest.approx(63, abs=20)
    assert found.correlation > 0.7
