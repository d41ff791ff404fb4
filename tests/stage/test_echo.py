"""The avatar's own voice in the visitor's microphone."""

from __future__ import annotations

import numpy as np
from livekit import rtc

from appliance.stage.echo import EchoCanceller

PLAYED_HZ, HEARD_HZ = 24_000, 16_000
RATIO = PLAYED_HZ // 8_000, HEARD_HZ // 8_000


def _voice(seconds: float, seed: int = 0) -> np.ndarray:
    """Something like speech at 8 kHz: noise in syllables, (n,) float in [-1, 1]."""
    n = int(seconds * 8_000)
    syllables = np.maximum(np.sin(np.arange(n) / 8_000 * 2 * np.pi * 4), 0)
    return np.random.default_rng(seed).normal(0, 0.12, n) * syllables


def _at(voice: np.ndarray, times: int) -> np.ndarray:
    return (np.repeat(voice, times) * 32767).clip(-32768, 32767).astype(np.int16)


def _through(played: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """Both sides at a visit's pace, 20 ms at a time."""
    canceller = EchoCanceller(PLAYED_HZ)
    out: list[np.ndarray] = []
    for i in range(len(heard) // 320):
        canceller.play(played[i * 480 : (i + 1) * 480])
        frame = rtc.AudioFrame(heard[i * 320 : (i + 1) * 320].tobytes(), HEARD_HZ, 1, 320)
        out.append(np.frombuffer(canceller._process(frame).data, np.int16))
    return np.concatenate(out)


def _level_db(pcm: np.ndarray) -> float:
    return float(10 * np.log10(np.square(pcm.astype(float)).mean() + 1))


def test_the_echo_goes() -> None:
    voice = _voice(6.0)
    late = np.concatenate([np.zeros(1_200), voice])[: len(voice)] * 0.3  # 150 ms, 10 dB
    heard = _at(late, RATIO[1])
    left = _through(_at(voice, RATIO[0]), heard)
    assert _level_db(left[3 * HEARD_HZ :]) < _level_db(heard[3 * HEARD_HZ :]) - 15


def test_a_visitor_without_an_echo_is_left_as_he_is() -> None:
    voice, visitor = _voice(6.0), _voice(6.0, seed=1)
    visitor[: 3 * 8_000] = 0  # the avatar has spoken for a while, and was not heard
    heard = _at(visitor, RATIO[1])[: 4 * HEARD_HZ]
    assert np.array_equal(_through(_at(voice, RATIO[0]), heard), heard)


def test_nothing_is_touched_while_the_avatar_is_silent() -> None:
    heard = _at(_voice(1.0), RATIO[1])
    assert np.array_equal(_through(np.zeros(24_000, np.int16), heard), heard)


def test_an_echo_is_still_expected_a_second_after_the_voice() -> None:
    canceller = EchoCanceller(PLAYED_HZ)
    voice = _voice(3.0)
    played, heard = _at(voice, RATIO[0]), _at(voice * 0.3, RATIO[1])
    for i in range(len(heard) // 320):
        canceller.play(played[i * 480 : (i + 1) * 480])
        canceller._process(rtc.AudioFrame(heard[i * 320 : (i + 1) * 320].tobytes(), HEARD_HZ, 1, 320))
    assert canceller.echo
    frame = rtc.AudioFrame(bytes(640), HEARD_HZ, 1, 320)
    assert canceller._process(frame) is not frame
    for _ in range(50):
        canceller.play(np.zeros(480, np.int16))
    assert canceller._process(frame) is frame


def _in_a_room(voice: np.ndarray, seconds: float = 0.5) -> np.ndarray:
    """The voice 150 ms later, with a tail that dies away in `seconds`."""
    times = np.arange(int(0.4 * 8_000)) / 8_000
    room = np.random.default_rng(5).normal(0, 1, len(times)) * 10 ** (-3 * times / seconds)
    room[0] = 4.0
    wet = np.convolve(np.concatenate([np.zeros(1_200), voice]), room)[: len(voice)]
    return wet / np.abs(wet).max() * 0.1


def _noticed(played: np.ndarray, heard: np.ndarray, gap_s: float) -> tuple[bool, bool]:
    """Whether it takes what it hears, after a second of silence, for its own voice, whenever it is asked; and whether,
    at the end, for certainly another's."""
    canceller = EchoCanceller(PLAYED_HZ)
    silence = np.zeros(int(gap_s * 8_000))
    own, mic = np.concatenate([silence, played]), np.concatenate([silence, heard])
    pcm, frames = _at(own, RATIO[0]), _at(mic, RATIO[1])
    noticed = False
    for i in range(len(frames) // 320):
        canceller.play(pcm[i * 480 : (i + 1) * 480])
        canceller._process(rtc.AudioFrame(frames[i * 320 : (i + 1) * 320].tobytes(), HEARD_HZ, 1, 320))
        noticed = noticed or canceller.heard_itself()
    return noticed, canceller.heard_another()


def test_half_a_second_of_its_own_voice_through_a_room_is_known_for_that() -> None:
    voice = np.concatenate([_voice(0.5), np.zeros(3_200)])
    assert _noticed(voice, _in_a_room(voice), 1.0) == (True, False)


def test_a_visitor_who_speaks_at_the_same_time_is_not() -> None:
    voice, visitor = (np.concatenate([_voice(0.5, seed=seed), np.zeros(3_200)]) for seed in (0, 1))
    assert _noticed(voice, visitor * 0.5, 1.0) == (False, True)


def test_silence_that_was_thrown_away_does_not_shift_what_is_compared() -> None:
    canceller = EchoCanceller(PLAYED_HZ)
    canceller.discard(0.04)
    before = canceller._own_voice._played.copy()
    canceller.play(np.ones(480, np.int16))
    assert not np.array_equal(canceller._own_voice._played, before), "what sounds is always counted"
    before = canceller._own_voice._played.copy()
    for _ in range(2):
        canceller.play(np.zeros(480, np.int16))
    assert np.array_equal(canceller._own_voice._played, before)
    canceller.play(np.zeros(480, np.int16))
    assert not np.array_equal(canceller._own_voice._played, before)


def test_frames_of_a_detectors_window_go_through_whole_and_ten_milliseconds_late() -> None:
    voice = _voice(4.0)
    late = np.concatenate([np.zeros(1_200), voice])[: len(voice)] * 0.3
    played, heard = _at(voice, RATIO[0]), _at(late, RATIO[1])
    canceller, n_played = EchoCanceller(PLAYED_HZ), 0
    left: list[np.ndarray] = []
    for i in range(len(heard) // 512):
        while n_played < (i + 1) * 768:  # a picture's sound at once
            canceller.play(played[n_played : n_played + 960])
            n_played += 960
        frame = rtc.AudioFrame(heard[i * 512 : (i + 1) * 512].tobytes(), HEARD_HZ, 1, 512)
        processed = canceller._process(frame)
        assert processed.samples_per_channel == 512
        left.append(np.frombuffer(processed.data, np.int16))
    assert canceller.echo
    assert _level_db(np.concatenate(left[-30:])) < _level_db(heard[-15_000:]) - 10


def test_without_an_echo_the_canceller_does_not_run_and_an_echo_that_goes_stops_it() -> None:
    voice, silence = _voice(3.0), np.zeros(24_000 * 2)
    canceller = EchoCanceller(PLAYED_HZ)

    def hear(played: np.ndarray, heard: np.ndarray) -> None:
        own, mic = _at(played, RATIO[0]), _at(heard, RATIO[1])
        for i in range(min(len(own) // 480, len(mic) // 320)):
            canceller.play(own[i * 480 : (i + 1) * 480])
            canceller._process(rtc.AudioFrame(mic[i * 320 : (i + 1) * 320].tobytes(), HEARD_HZ, 1, 320))

    hear(voice, silence)
    assert canceller._canceller is None
    hear(voice, voice * 0.3)
    assert canceller._canceller is not None
    for _ in range(5):
        hear(voice, silence)
    assert canceller._canceller is None
    assert not canceller.echo
