"""Ears that hear what they are told: every utterance is the next line of a script."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from appliance.ears.whisper import Transcript, Utterance
from appliance.ears.windows import RATE_HZ
from appliance.errors import STTError


class FakeWhisper:
    """A WhisperEngine without a model; digital silence is heard as nothing, as by the real one."""

    def __init__(self, script: list[str | STTError] | None = None, *, steps: int = 1) -> None:
        """
        Args:
            script: what each utterance says, or the error it ends in; when it is used up, the last line again.
            steps: how often the bridge has to step an utterance before its words are there.
        """
        self.script = script or ["hello"]
        self.steps = steps
        self.heard: list[Utterance] = []
        self.cancelled = 0
        self.loaded = self.warm = False

    def load(self) -> None:
        self.loaded = True

    def warm_up(self) -> None:
        assert self.loaded
        self.warm = True

    def transcribe(self, utterance: Utterance) -> Iterator[Transcript | None]:
        assert self.loaded
        self.heard.append(utterance)
        line = self.script[min(len(self.heard), len(self.script)) - 1]
        try:
            for _ in range(self.steps - 1):
                yield None
            if isinstance(line, STTError):
                raise line
            silent = not np.any(utterance.pcm)
            yield Transcript(
                text="" if silent else line,
                language="en",
                log_probability=0.0 if silent else -0.1,
                no_speech_probability=0.95 if silent else 0.01,
                audio_s=len(utterance.pcm) / RATE_HZ,
                turn=utterance.turn,
            )
        except GeneratorExit:
            self.cancelled += 1
            raise

    def close(self) -> None:
        self.loaded = False
