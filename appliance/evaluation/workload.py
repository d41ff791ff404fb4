"""Work that visitors give the engines: a configuration goes in; what each piece costs comes out.

Everything is done through the plugins that a session uses, with its engines warm and nobody else on the machine.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from livekit import rtc

from appliance.bundles.verify import files
from appliance.clock import monotonic
from appliance.config import Config
from appliance.context import Context, Engines
from appliance.ears.voice_activity import voice_activity
from appliance.engine import Bridge, Call, SessionId, TurnId
from appliance.evaluation.headroom import Cost
from appliance.evaluation.speech import ONCE, Speech, say
from appliance.mind.llama import ChatRequest, ReplyEnd
from appliance.personas.persona import load
from appliance.providers import ProviderFactory, warm_up

RATE_HZ = 24_000
_TOGETHER = 8
"""Visitors whose replies are made at once."""
_FACES = 4
"""Visitors whose faces are drawn, and whose words are heard, at once."""
_REPLY_TOKENS = 24
"""An answer of five seconds."""
_CLAUSE_TOKENS = 10
"""The first clause of an answer, which is what the voice waits for."""
_CLAUSE = "Yes, of course I can, number {}"
# Never the same words twice: a voice may keep what it has said.
_SENTENCE = "On floor {} there is room {}, where the lift and the stairs meet, and the coffee is not bad at all."
_STORY = "Tell me a long story about {} sheep, a dog, and what they did in the summer."


@dataclass(slots=True)
class Watch:
    """Time of the wall and of all cores, over `units` pieces of work."""

    units: float = 0.0
    wall_s: float = 0.0
    cpu_s: float = 0.0
    single_s: list[float] = field(default_factory=list[float])

    async def run(self, work: Awaitable[float]) -> None:
        """Add the time of work that returns its units."""
        wall_s, cpu_s = monotonic(), time.process_time()
        self.units += await work
        self.wall_s += monotonic() - wall_s
        self.cpu_s += time.process_time() - cpu_s
        self.single_s.append(monotonic() - wall_s)

    def cost(self) -> Cost:
        """Of one unit."""
        return Cost(self.wall_s / self.units, self.cpu_s / self.units)

    @property
    def per_second(self) -> float:
        """Units a second."""
        return self.units / self.wall_s

    @property
    def median_s(self) -> float:
        """The middle one of all runs, in seconds."""
        return float(np.median(self.single_s))


@dataclass(slots=True)
class Mind:
    """What thinking costs."""

    cost: Cost
    """A reply, of several at once."""
    first_s: float
    """First token of a reply alone."""
    clause_s: float
    """Its first clause."""
    tokens_per_s: dict[int, float]
    """Visitors at once -> tokens a second."""


class Machine:
    """The warm engines of this process, and visitors that exist only to be served."""

    def __init__(self, config: Config, engines: Engines, context: Callable[[str], Context], rounds: int) -> None:
        self._config = config
        self._engines = engines
        self._rounds = rounds
        self._context = context
        self._said: list[Speech] = []
        self._heard: list[npt.NDArray[np.int16]] = []
        self.size = (0, 0)

    def here(self, engine: str) -> bool:
        """Whether that engine is in this process, and not somebody else's server."""
        return engine in self._engines.bridges

    async def speak(self) -> tuple[Watch, Watch]:
        """Sentences, and first clauses alone; what was said is heard and drawn afterwards."""
        tts = ProviderFactory(self._context("voice")).create_tts(self._config.voice)
        sentence, clause = Watch(), Watch()

        async def whole(number: int) -> float:
            speech = await say(tts, _SENTENCE.format(number, number + 7))
            self._said.append(speech)
            return len(speech.pcm) / speech.rate_hz

        async def begun(number: int) -> float:
            async with tts.synthesize(_CLAUSE.format(number), conn_options=ONCE) as stream:
                async for _ in stream:
                    break
            return 1.0

        try:
            for number in range(max(self._rounds, _FACES)):
                await sentence.run(whole(number))
                await clause.run(begun(number))
        finally:
            await tts.aclose()
        self._heard = [_resampled(speech) for speech in self._said]
        return sentence, clause

    async def hear(self) -> tuple[Watch, Watch]:
        """Transcriptions of three seconds: several at once, and one alone."""
        stt = ProviderFactory(self._context("ears")).create_stt(self._config.ears)
        together, alone = Watch(), Watch()

        async def hear(speech: npt.NDArray[np.int16]) -> float:
            piece = speech[: 3 * RATE_HZ]
            await stt.recognize(rtc.AudioFrame(piece.tobytes(), RATE_HZ, 1, len(piece)), conn_options=ONCE)
            return 1.0

        async def several() -> float:
            return sum(await asyncio.gather(*(hear(speech) for speech in self._heard[:_FACES])))

        try:
            for n in range(self._rounds):
                await together.run(several())
                await alone.run(hear(self._heard[n % len(self._heard)]))
        finally:
            await stt.aclose()
        return together, alone

    async def think(self) -> Mind:
        """Replies of one visitor and of eight at once, each with its conversation read before."""
        if not self.here("mind"):
            return Mind(Cost(0.0, 0.0), 0.0, 0.0, {})
        bridge = self._engines.bridges["mind"]
        instructions = self._context("mind").persona.instructions
        watches = {1: Watch(), _TOGETHER: Watch()}
        tokens = dict.fromkeys(watches, 0)
        alone: list[_Reply] = []

        async def several(visitors: int, number: int) -> float:
            replies = await asyncio.gather(*(_reply(bridge, instructions, n, number) for n in range(visitors)))
            tokens[visitors] += sum(reply.n_tokens for reply in replies)
            alone.extend(replies if visitors == 1 else ())
            return float(visitors)

        await asyncio.gather(*(_reply(bridge, instructions, n, 0, n_tokens=0) for n in range(_TOGETHER)))
        for number in range(1, self._rounds + 1):
            for visitors, watch in watches.items():
                await watch.run(several(visitors, number * 2 + (visitors == 1)))
        rates = {visitors: tokens[visitors] / watch.wall_s for visitors, watch in watches.items()}
        # A model may end its reply early; what counts is the price of a token.
        share = _REPLY_TOKENS * watches[_TOGETHER].units / max(tokens[_TOGETHER], 1)
        cost = watches[_TOGETHER].cost()
        return Mind(
            cost=Cost(cost.wall_s * share, cost.cpu_s * share),
            first_s=float(np.median([reply.first_s for reply in alone])),
            clause_s=float(np.median([reply.clause_s for reply in alone])),
            tokens_per_s=rates,
        )

    async def draw(self) -> tuple[Watch, Watch, list[bytes]]:
        """Several faces that speak at once, and one that is silent; some of the pictures as well."""
        config = self._config.face
        faces = [ProviderFactory(self._context(f"face-{n}")).create_avatar(config) for n in range(_FACES)]
        speaking, silent = Watch(), Watch()
        pictures: list[bytes] = []
        self.size = faces[0].size

        async def speak(n: int, segment: int) -> float:
            face, speech = faces[n], self._said[(n + segment) % len(self._said)]
            face.push(segment, speech.pcm, speech.rate_hz, speech.phonemes)
            face.flush(segment)
            n_frames = -(-len(speech.pcm) * config.fps // speech.rate_hz)
            for index in range(n_frames):
                await face.wait(segment, index)
                picture = face.frame((segment, index))
                if n == 0 and segment == 0:
                    pictures.append(picture)
            return float(n_frames)

        async def several(segment: int) -> float:
            return sum(await asyncio.gather(*(speak(n, segment) for n in range(_FACES))))

        async def rest() -> float:
            for _ in range(10 * config.fps):
                faces[0].frame(None)
            return 10.0 * config.fps

        try:
            await several(0)
            for number in range(1, self._rounds + 1):
                await speaking.run(several(number))
            await silent.run(rest())
        finally:
            await asyncio.gather(*(face.aclose() for face in faces))
        return speaking, silent, pictures

    async def watch(self) -> float:
        """Share of a core that a visitor takes who may begin to speak at any moment."""
        stream = voice_activity().stream()
        pcm = np.concatenate(self._heard)[: 8 * RATE_HZ]
        n_frame = RATE_HZ // 50
        watch = Watch()

        async def listen() -> float:
            for start in range(0, len(pcm) - n_frame, n_frame):
                piece = pcm[start : start + n_frame]
                stream.push_frame(rtc.AudioFrame(piece.tobytes(), RATE_HZ, 1, n_frame))
            stream.end_input()
            async for _ in stream:
                pass
            return len(pcm) / RATE_HZ

        try:
            await watch.run(listen())
        finally:
            await stream.aclose()
        return watch.cost().cpu_s


def _resampled(speech: Speech) -> npt.NDArray[np.int16]:
    """What is heard of it, at RATE_HZ."""
    resampler = rtc.AudioResampler(speech.rate_hz, RATE_HZ)
    pieces = [piece for frame in speech.frames for piece in resampler.push(frame)] + resampler.flush()
    return np.concatenate([np.frombuffer(piece.data, np.int16) for piece in pieces])


@dataclass(frozen=True, slots=True)
class _Reply:
    """One, timed from its request."""

    n_tokens: int
    """Tokens made."""
    first_s: float
    """Seconds to the first of them."""
    clause_s: float
    """Seconds to as many as a first clause has."""


async def _reply(
    bridge: Bridge[Any, Any], instructions: str, visitor: int, number: int, *, n_tokens: int = _REPLY_TOKENS
) -> _Reply:
    """Let the mind reply to something new; 0 tokens only reads the conversation."""
    session = SessionId(f"size-mind-{visitor}")
    story = _STORY.format(100 * visitor + number)
    messages = (("system", instructions), ("user", story)) if n_tokens else (("system", instructions),)
    request = ChatRequest(messages, session, max_tokens=n_tokens)
    started_s, made = monotonic(), 0
    times_s: list[float] = []
    async for item in bridge.stream(request, Call(session, TurnId(0), 60.0)):
        times_s.append(monotonic() - started_s)
        if isinstance(item, ReplyEnd):
            made = item.reply_tokens
    return _Reply(made, times_s[0], times_s[min(_CLAUSE_TOKENS, len(times_s)) - 1])


def encode(pictures: list[bytes], size: tuple[int, int], bitrate_kbps: int) -> float:
    """CPU seconds of one picture under VP8 as WebRTC sets it up: in real time, on one thread, at a bounded rate."""
    width, height = size
    codec: Any = av.CodecContext.create("libvpx", "w")
    codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
    codec.time_base, codec.framerate = Fraction(1, 25), Fraction(25)
    codec.bit_rate, codec.thread_count, codec.gop_size = bitrate_kbps * 1000, 1, 3000
    codec.options = {"deadline": "realtime", "cpu-used": "-6", "lag-in-frames": "0", "error-resilient": "1"}
    frames: list[Any] = []
    for number, picture in enumerate(pictures):
        rows = np.frombuffer(picture, np.uint8).reshape(height * 3 // 2, width)
        frame = av.VideoFrame.from_ndarray(rows, format="yuv420p")
        frame.pts = number
        frames.append(frame)
    codec.encode(frames[0])  # a key picture, of which a visit has few
    cpu_s = time.process_time()
    for frame in frames[1:]:
        codec.encode(frame)
    return (time.process_time() - cpu_s) / (len(frames) - 1)


@asynccontextmanager
async def warm_machine(config: Config, rounds: int) -> AsyncGenerator[Machine]:
    """The engines of a configuration, loaded and warm; each piece of work is done `rounds` times.

    Raises:
        AgentError: an engine could not be loaded.
    """
    paths = dict(await asyncio.to_thread(files, config.models.manifest))
    persona = load(config.session.persona)
    engines = Engines()
    try:
        await asyncio.to_thread(warm_up, config, engines, paths, persona)
        await engines.ready()
        await engines.prepared()

        def context(name: str) -> Context:
            return Context(engines, paths, persona, SessionId(f"size-{name}"))

        yield Machine(config, engines, context, rounds)
    finally:
        await engines.close()
