"""A real box one of whose engines breaks while a file exists.

usage: python -m tests.fakes.broken_box FAULT FILE serve ...

FAULT is mind-raises, mind-hangs, voice-raises or voice-hangs. Where the voice is broken, nothing is found among what
was prepared but what the persona says in trouble: replies need the engine then.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from appliance.cli.main import main
from appliance.engine import TurnId
from appliance.mind.llama import LlamaEngine
from appliance.personas.persona import load
from appliance.voice.piper import PiperEngine
from appliance.voice.prepared import Prepared
from appliance.voice.speech import SpeechAudio

Make = Callable[[Any, Any], Iterator[Any]]


def breaking(make: Make, fault: str, while_there: Path) -> Make:
    def made(self: Any, request: Any) -> Iterator[Any]:
        if not while_there.exists() or getattr(request, "max_tokens", 1) == 0:
            yield from make(self, request)
            return
        if fault == "raises":
            raise RuntimeError("broken on purpose")
        while while_there.exists():
            yield None

    return made


def forgetting(while_there: Path) -> Callable[[Prepared, str, TurnId], SpeechAudio | None]:
    find, trouble = Prepared.find, load("host").trouble

    def found(self: Prepared, piece: str, turn: TurnId) -> SpeechAudio | None:
        return None if while_there.exists() and piece.strip() not in trouble else find(self, piece, turn)

    return found


if __name__ == "__main__":
    engine, _, fault = sys.argv[1].partition("-")
    file = Path(sys.argv[2])
    if engine == "mind":
        LlamaEngine.generate = breaking(LlamaEngine.generate, fault, file)  # type: ignore[method-assign]
    else:
        PiperEngine.synthesize = breaking(PiperEngine.synthesize, fault, file)  # type: ignore[method-assign]
        Prepared.find = forgetting(file)  # type: ignore[method-assign]
    sys.exit(main(sys.argv[3:]))
