"""A folder's list of recordings and their words is read, and asked for where there is none."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import MediaError
from appliance.evaluation.clips import of_folder


def test_a_folder_says_what_its_recordings_say(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setparams((1, 2, 16_000, 0, "NONE", ""))
        out.writeframes(np.full(800, 16384, np.int16).tobytes())
    (tmp_path / "references.tsv").write_text("file\twords\na.wav\tHELLO THERE\n")
    (clip,) = of_folder(tmp_path)
    assert (clip.name, clip.words, len(clip.pcm)) == ("a.wav", "HELLO THERE", 800)
    assert clip.pcm.dtype == np.float32
    assert clip.pcm[400] == 0.5


def test_a_folder_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"references\.tsv") as refused:
        of_folder(tmp_path)
    assert refused.value.code == "not-found"
