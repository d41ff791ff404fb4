"""Whether a visitor has finished: how the voice ended and how the words end come in, LiveKit's prediction goes out.

LiveKit's local detector listens to the last second of the voice. On 187 endings and cuts in the middle (half of the
cuts at a place where a pause is likely) it called 46 % of the cuts finished where it missed 10 % of the endings. The
language model, asked whether a sentence would end after the words, does so for 20 %, and both together for 14 %.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import math
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from livekit import rtc
from livekit.agents import APIConnectOptions, inference
from livekit.agents.language import LanguageCode
from livekit.agents.types import DEFAULT_API_CONNECT_OPTIONS
from livekit.agents.voice.turn import TurnDetectionEvent

from appliance.clock import Clock, monotonic
from appliance.ears.speculation import level_dbfs

logger = logging.getLogger(__name__)

Judge = Callable[[str], Awaitable[float]]

CERTAIN = 0.7
"""Probability from which a turn that ends with a question is over after the shortest delay: of 140 cuts 8 are questions
and above, of 29 questions' endings 23. An answer after that delay is heard 0.55 s after the last word, inside a pause
that is a little longer. What states something ("My friend only speaks Italian.") may lead to the question: in a run of
twelve questions with a pause between two clauses, both that were answered in the pause were such."""
SURE = 0.5
"""From this on it is over a little later: 6 % of those endings are below, 14 % of the cuts above."""
UNSURE = 0.2
"""Below SURE and above this, it is over after a longer silence: 2 % of the endings are below, 25 % of the cuts
above."""
_VOICE_ALONE = 0.36
"""LiveKit's own bound for its detector, where there is no second opinion."""
_ASKED_AT_S = 0.2
"""Silence after which LiveKit asks for a prediction."""
_WORDS_S = 1.0
"""Words that come later than this after the question are not waited for, nor is their judgement."""
_FURTHER_WORDS_S = 0.5
"""Nor those of a pause after one whose words are known: what was between may have been a breath, which has none."""
_WEIGHTS = (0.9, 1.7, 2.5)
"""Of the words' log-odds, the voice's, and the constant: logistic regression on those 187, both kinds weighed alike."""
_UNPUNCTUATED = -7.0
"""Log-odds of words that Whisper left open, with no mark or with three dots: so it writes what was cut."""
_QUIETEST_DBFS = -60.0
_VOICE_DB = 20.0
"""So far below the loudest, and louder, is as loud as speech;"""
_ONSET_DB, _ONSET_RISE_DB = 30.0, 12.0
"""and so far below it where it is so much louder than the softest was: so words begin, /k/ or /f/, 40 ms sooner."""
_FADE_DB, _RISE_DB = 2.0, 10.0
"""By these the loudest counts less, and the softest more, with every second."""
_LOUD_S = 0.15
"""What is as loud as speech is known to be speech so much later."""
_LOUD_MAX_S = 0.6
"""Noise delays an answer by that at most."""
_FRAMES_MAX = 5
"""Frames that LiveKit's detector gets at once: it moves all it has heard with each."""
_MARKS = " .?!,;:-\u2026"
_SENTENCES = re.compile(r"(?<=[.?!])\s+")
_ASKING = (
    *("what", "which", "who", "whose", "whom", "where", "when", "why", "how", "is", "are", "was", "were", "am", "do"),
    *("does", "did", "can", "could", "would", "will", "should", "may", "shall", "has", "have"),
)
"""First words of a question, which Whisper does not always close with its mark."""


@dataclass(frozen=True, slots=True)
class Delays:
    """Silence after which a turn is over, in seconds."""

    sure_s: float
    """Where the turn is likely over."""
    unsure_s: float
    """Where it may be."""


def end_of_turn(words: str, words_end: float, voice_end: float) -> float:
    """The probability that a turn is over.

    Args:
        words: what was heard, as it was punctuated.
        words_end: the probability that a sentence ends after them.
        voice_end: the probability by the sound of the voice.
    """
    closed = words.rstrip().endswith((".", "?", "!")) and not words.rstrip().endswith("...")
    by_words, by_voice, constant = _WEIGHTS
    odds = by_words * (_log_odds(words_end) if closed else _UNPUNCTUATED) + by_voice * _log_odds(voice_end) + constant
    return 1 / (1 + math.exp(-odds))


def is_question(words: str) -> bool:
    """Whether the last sentence asks something."""
    last = _SENTENCES.split(words.strip())[-1]
    return last.endswith("?") or last.partition(" ")[0].lower().strip(_MARKS) in _ASKING


class Endpointer:
    """A turn detector for LiveKit; one a session."""

    def __init__(self, judge: Judge | None, delays: Delays, *, clock: Clock = monotonic) -> None:
        """
        Args:
            judge: words without their last marks -> the probability that a sentence ends there; None goes by the
                voice alone. Raises EngineError.
        """
        self._judge = judge
        self.delays = delays
        self.clock = clock
        self._detector = inference.TurnDetector(version="v1-mini")
        self._said = ""
        self._words = ""
        self._heard_s = -math.inf
        self._loud_s = -math.inf
        self._loudest_dbfs, self._softest_dbfs = _QUIETEST_DBFS, 0.0
        self._over_s = -math.inf
        self._news = asyncio.Event()
        self._judged: asyncio.Task[float] | None = None

    @property
    def model(self) -> str:
        return self._detector.model

    @property
    def provider(self) -> str:
        return self._detector.provider

    def stream(self, *, conn_options: APIConnectOptions = DEFAULT_API_CONNECT_OPTIONS) -> EndpointerStream:
        return EndpointerStream(self, self._detector.stream(conn_options=conn_options))

    def hear(self, text: str, *, final: bool) -> None:
        """Words of the turn so far, before their end is known and again when it is."""
        words = f"{self._said} {text}".strip()
        if final:
            self._said = words
        self._heard_s = self.clock()
        if words != self._words or self._judged is None:
            self._words = words
            self.forget_judgement()
            if self._judge is not None and (bare := words.rstrip(_MARKS)):
                self._judged = asyncio.ensure_future(self._judge(bare))
                self._judged.add_done_callback(self._note)
        self._news.set()

    def begin(self) -> None:
        """The turn is over: what is heard now belongs to the next one."""
        self._said = self._words = ""
        self._over_s = self.clock()
        self.forget_judgement()

    def forget_judgement(self) -> None:
        """Stop asking the language model."""
        judged, self._judged = self._judged, None
        if judged is not None:
            judged.cancel()

    async def probability(self, voice_end: float, silent_s: float) -> float:
        """How likely the turn is over, once the words of the pause that began at `silent_s` are known; 1 where it is
        not certain, after a delay that is waited for here."""
        words_end = await self._judgement(silent_s)
        if words_end is None:
            logger.debug("turn judged by the voice alone")
            return voice_end / _VOICE_ALONE * SURE
        likely = end_of_turn(self._words, words_end, voice_end)
        logger.debug("turn judged", extra={"words": words_end, "voice": voice_end, "probability": likely})
        certain = likely >= CERTAIN and is_question(self._words)
        if likely >= UNSURE and not certain:
            delay_s = self.delays.unsure_s if likely < SURE else self.delays.sure_s
            await self._silence(silent_s + delay_s)
            return 1.0
        return likely

    async def _judgement(self, silent_s: float) -> float | None:
        """The language model's, of the words of that pause or, where none come, of those before; None without."""
        if self._judge is None:
            return None
        within_s = _WORDS_S if self._judged is None else _FURTHER_WORDS_S
        await self._until(lambda: self._heard_s >= silent_s and self._judged is not None, within_s)
        await self._until(lambda: self._judged is None or self._judged.done(), _WORDS_S)
        judged = self._judged
        if judged is None or not judged.done() or judged.cancelled() or judged.exception() is not None:
            return None
        return judged.result()

    async def _until(self, condition: Callable[[], bool], within_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while not condition():
                    self._news.clear()
                    await self._news.wait()

    def listen(self, frame: rtc.AudioFrame) -> None:
        """Sound of the microphone, a few hundredths of a second."""
        level = max(level_dbfs([frame]), _QUIETEST_DBFS)
        self._loudest_dbfs = max(self._loudest_dbfs - _FADE_DB * frame.duration, level)
        self._softest_dbfs = min(self._softest_dbfs + _RISE_DB * frame.duration, level)
        begins = level > self._softest_dbfs + _ONSET_RISE_DB
        if level > self._loudest_dbfs - (_ONSET_DB if begins else _VOICE_DB):
            self._loud_s = self.clock()

    def doubted(self) -> bool:
        """Whether it becomes loud as soon as the turn is over: the answer is not begun while the visitor may go on."""
        return self.clock() < self._quiet_s(self._over_s)

    def _note(self, judged: asyncio.Future[float]) -> None:
        if not judged.cancelled():
            judged.exception()  # one that nobody came to ask for fails in silence
        self._news.set()

    async def _silence(self, until_s: float) -> None:
        """Wait; a little longer if it becomes loud: whether that is speech, the voice activity detector says later."""
        while (left_s := self._quiet_s(until_s) - self.clock()) > 0:  # noqa: ASYNC110
            await asyncio.sleep(left_s)

    def _quiet_s(self, since_s: float) -> float:
        """The first moment from then on at which nothing loud is known of, or noise has delayed for long enough."""
        return min(max(since_s, self._loud_s + _LOUD_S), since_s + _LOUD_MAX_S)


class EndpointerStream:
    """One microphone: LiveKit's stream with the second opinion in its predictions."""

    def __init__(self, owner: Endpointer, voice: Any) -> None:
        self._owner = owner
        self._voice = voice
        self._answer: asyncio.Future[TurnDetectionEvent] | None = None
        self._work: asyncio.Task[None] | None = None
        self._frames: list[rtc.AudioFrame] = []

    @property
    def model(self) -> str:
        return self._owner.model

    @property
    def provider(self) -> str:
        return self._owner.provider

    @property
    def is_fallback(self) -> bool:
        return False

    @property
    def prediction_timeout(self) -> float:
        return 2 * _WORDS_S + self._owner.delays.unsure_s + _LOUD_MAX_S

    async def unlikely_threshold(self, language: LanguageCode | None) -> float | None:
        return SURE

    async def backchannel_threshold(self, language: LanguageCode | None) -> float | None:
        return None

    async def supports_language(self, language: LanguageCode | None) -> bool:
        return bool(await self._voice.supports_language(language))

    def predict(self) -> asyncio.Future[TurnDetectionEvent]:
        """Ask, in a pause that has lasted 0.2 s."""
        self.cancel_inference()
        self._answer = asyncio.get_running_loop().create_future()
        self._work = asyncio.create_task(
            self._predict(self._answer, self._owner.clock() - _ASKED_AT_S), name="endpointer"
        )
        return self._answer

    def cancel_inference(self, *, timed_out: bool = False) -> None:
        """Speech goes on, or the turn is over: an answer that is still awaited is no."""
        self._voice.cancel_inference(timed_out=timed_out)
        answer, self._answer = self._answer, None
        work, self._work = self._work, None
        if work is not None:
            work.cancel()
        if answer is not None and not answer.done():
            answer.set_result(TurnDetectionEvent("eot_prediction", 0.0, 0.0))

    def flush(self, reason: str | None = None) -> None:
        self._frames = []
        self._voice.flush(reason)
        self.cancel_inference()
        self._owner.begin()

    def push_audio(self, frame: rtc.AudioFrame) -> None:
        self._owner.listen(frame)
        self._frames.append(frame)
        if len(self._frames) >= _FRAMES_MAX:
            self._hand_on()

    def _hand_on(self) -> None:
        """Give LiveKit's detector what it has not heard yet."""
        if self._frames:
            self._voice.push_audio(rtc.combine_audio_frames(self._frames))
            self._frames = []

    def end_input(self) -> None:
        self._voice.end_input()

    async def aclose(self) -> None:
        self.cancel_inference()
        self._owner.begin()
        await self._voice.aclose()

    async def _predict(self, answer: asyncio.Future[TurnDetectionEvent], silent_s: float) -> None:
        self._hand_on()
        await asyncio.sleep(0)  # it takes frames out of a queue
        event = await self._voice.predict()
        probability = await self._owner.probability(event.end_of_turn_probability, silent_s)
        if not answer.done():
            answer.set_result(
                TurnDetectionEvent(
                    "eot_prediction",
                    probability,
                    event.last_speaking_time,
                    inference_duration=event.inference_duration,
                )
            )


def _log_odds(probability: float) -> float:
    bounded = min(max(probability, 1e-3), 1 - 1e-3)
    return math.log(bounded / (1 - bounded))
