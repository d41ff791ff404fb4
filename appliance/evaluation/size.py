"""`appliance size`: each engine of this machine is given work; what it costs, and how many visitors fit, come out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

from appliance.config import Config
from appliance.evaluation.headroom import Cost, Costs, Headroom, headroom
from appliance.evaluation.workload import Machine, Mind, Watch, encode, warm_machine

_TURN_ENDS_S = 0.2
"""From the last sound of a question to the end of the turn, beyond the configured silence."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured, in the words of `--json`."""

    face_fps: float
    """Pictures a second of all speaking faces together, drawn and composed."""
    idle_fps: float
    """Pictures a second of silent faces."""
    stt_per_s: float
    """Utterances a second, several at a time."""
    stt_ms: float
    """One utterance, alone."""
    llm_tokens_per_s: dict[str, float]
    """Visitors at once -> tokens a second of all together, with reading their questions."""
    llm_first_token_ms: float
    """Alone, the conversation so far already read."""
    tts_rtf: float
    """Seconds of work for a second of speech."""
    tts_first_audio_ms: float
    """A clause of seven words, alone."""
    encode_fps: float
    """Pictures a second that one core encodes: an estimate, by libvpx itself rather than inside LiveKit."""
    vigilance: float
    """Share of a core that listening for speech takes."""


@dataclass(frozen=True, slots=True)
class Size:
    """All of it."""

    figures: Figures
    """For people."""
    costs: Costs
    """What the calculation goes by."""
    headroom: Headroom
    """Its result."""


@dataclass(frozen=True, slots=True)
class _Measured:
    """As it came."""

    voice: Watch
    """Sentences, in seconds of speech."""
    clause: Watch
    """First sounds of clauses."""
    ears: Watch
    """Transcriptions, several at once."""
    ears_alone: Watch
    """Transcriptions, one after the other."""
    mind: Mind
    """Replies."""
    face: Watch
    """Pictures of several who speak at once."""
    idle: Watch
    """Pictures of one who is silent."""
    vigilance: float
    """Share of a core that listening for speech takes."""
    encode_cpu_s: float
    """Of one picture."""


async def measure(config: Config, *, quick: bool, progress: Callable[[str], None]) -> Size:
    """Load the engines, run each for a few seconds, and compute.

    Raises:
        AgentError: an engine could not be loaded, or failed.
    """
    progress("loading models")
    async with warm_machine(config, rounds=2 if quick else 6) as machine:
        measured = await _run(machine, config, progress)
        costs = _costs(config, measured, machine)
    return Size(_figures(measured), costs, headroom(costs, config.face.fps))


async def _run(machine: Machine, config: Config, progress: Callable[[str], None]) -> _Measured:
    progress("measuring the voice")
    voice, clause = await machine.speak()
    progress("measuring the ears")
    ears, ears_alone = await machine.hear()
    progress("measuring the mind")
    mind = await machine.think()
    progress("measuring the face")
    face, idle, pictures = await machine.draw()
    progress("measuring the rest")
    vigilance = await machine.watch()
    encode_cpu_s = encode(pictures, machine.size, config.face.bitrate_kbps)
    return _Measured(voice, clause, ears, ears_alone, mind, face, idle, vigilance, encode_cpu_s)


def _costs(config: Config, measured: _Measured, machine: Machine) -> Costs:
    def cost(engine: str, watch: Watch) -> Cost:
        return watch.cost() if machine.here(engine) else Cost(0.0, watch.cost().cpu_s)

    turn_ends_s = config.session.endpoint_min_delay_s + _TURN_ENDS_S
    pause_s = config.ears.pause_ms / 1000
    return Costs(
        cores=len(os.sched_getaffinity(0)),
        conversations=config.mind.sequences if machine.here("mind") else 10**6,
        turn_ends_s=turn_ends_s,
        head_start_s=max(0.0, turn_ends_s - pause_s) if pause_s else 0.0,
        answer_s=measured.ears_alone.median_s + measured.mind.clause_s + measured.clause.median_s,
        face=cost("face", measured.face),
        idle=measured.idle.cost(),
        encode_cpu_s=measured.encode_cpu_s,
        ears=cost("ears", measured.ears),
        mind=measured.mind.cost,
        voice=cost("voice", measured.voice),
        vigilance_cpu_s=measured.vigilance,
    )


def _figures(measured: _Measured) -> Figures:
    mind = measured.mind
    return Figures(
        face_fps=round(measured.face.per_second, 1),
        idle_fps=round(measured.idle.per_second),
        stt_per_s=round(measured.ears.per_second, 2),
        stt_ms=round(measured.ears_alone.median_s * 1000, 1),
        llm_tokens_per_s={str(visitors): round(rate, 1) for visitors, rate in mind.tokens_per_s.items()},
        llm_first_token_ms=round(mind.first_s * 1000, 1),
        tts_rtf=round(measured.voice.cost().wall_s, 4),
        tts_first_audio_ms=round(measured.clause.median_s * 1000, 1),
        encode_fps=round(1 / measured.encode_cpu_s),
        vigilance=round(measured.vigilance, 4),
    )
