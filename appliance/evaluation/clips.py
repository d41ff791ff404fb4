"""A folder of recordings whose words are known in, clips out."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from appliance.ears.whisper import LONGEST_UTTERANCE_S
from appliance.ears.windows import RATE_HZ, Samples
from appliance.errors import MediaError
from appliance.stage.recording import read_speech

REFERENCES = "references.tsv"
"""In a folder of clips: a header, then file and words, one clip a line, with a tab between."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Speech whose words are known."""

    name: str
    """For the saved measurements."""
    pcm: Samples
    """(n,) float32, 16 kHz mono."""
    words: str
    """What is said."""


def of_folder(folder: Path) -> list[Clip]:
    """The recordings that a folder's references.tsv names.

    Raises:
        MediaError: there is no such list, or a recording cannot be read, or is longer than our ears hear at once.
    """
    path = folder / REFERENCES
    if not path.is_file():
        raise MediaError(
            f"there is no {REFERENCES} in {folder}",
            code="not-found",
            hint="write one: a line `file<TAB>words`, then a line for each recording",
        )
    with path.open(encoding="utf-8") as lines:
        rows = [(row["file"], row["words"]) for row in csv.DictReader(lines, delimiter="\t")]
    return [Clip(name, _read(folder / name), words) for name, words in rows]


def _read(path: Path) -> Samples:
    return read_speech(path, rate_hz=RATE_HZ, longest_s=LONGEST_UTTERANCE_S).astype(np.float32) / np.float32(32768.0)
