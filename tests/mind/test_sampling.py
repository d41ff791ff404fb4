from __future__ import annotations

import numpy as np

from appliance.mind.sampling import Logits, Sampler, Sampling


def _logits(*likely: int, size: int = 100) -> Logits:
    """The first named token is the most likely, the next one a little less, the rest hopeless."""
    logits = np.full(size, -20.0, dtype=np.float32)
    for rank, token in enumerate(likely):
        logits[token] = 5.0 - rank
    return logits


def test_temperature_zero_takes_the_most_likely() -> None:
    assert Sampler(Sampling(temperature=0)).choose(_logits(7, 8)) == 7


def test_same_seed_same_tokens_other_seed_others() -> None:
    def draw(seed: int) -> list[int]:
        sampler = Sampler(Sampling(temperature=1.5, top_p=1.0, repetition_penalty=1.0, seed=seed))
        return [sampler.choose(_logits(1, 2, 3, 4, 5)) for _ in range(40)]

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


def test_temperature_draws_in_proportion() -> None:
    sampler = Sampler(Sampling(temperature=1.0, top_p=1.0, repetition_penalty=1.0))
    drawn = [sampler.choose(_logits(1, 2)) for _ in range(2000)]
    # exp(5) against exp(4): 73 %
    assert 0.70 < drawn.count(1) / len(drawn) < 0.76


def test_top_p_drops_the_tail_and_keeps_at_least_one() -> None:
    def drawn(top_p: float) -> set[int]:
        sampler = Sampler(Sampling(temperature=1.0, top_p=top_p, repetition_penalty=1.0))
        return {sampler.choose(_logits(1, 2, 3, 4)) for _ in range(500)}

    assert drawn(0.0) == {1}
    assert drawn(0.8) == {1, 2}  # 0.64, then 0.88
    assert drawn(1.0) == {1, 2, 3, 4}


def test_top_k_is_a_bound() -> None:
    sampler = Sampler(Sampling(temperature=5.0, top_k=2, top_p=1.0, repetition_penalty=1.0))
    assert {sampler.choose(_logits(1, 2, 3, 4)) for _ in range(200)} == {1, 2}


def test_what_was_said_becomes_less_likely_whatever_its_sign() -> None:
    sampler = Sampler(Sampling(repetition_penalty=2.0))
    assert [sampler.choose(_logits(1, 2)) for _ in range(2)] == [1, 2]
    negative = np.array([-1.0, -1.5], dtype=np.float32)
    sampler = Sampler(Sampling(repetition_penalty=2.0))
    assert [sampler.choose(negative) for _ in range(2)] == [0, 1]


def test_repetition_is_forgotten_after_its_window() -> None:
    sampler = Sampler(Sampling(repetition_penalty=2.0, repetition_window=1))
    assert [sampler.choose(_logits(1, 2)) for _ in range(4)] == [1, 2, 1, 2]


def test_logits_are_left_alone() -> None:
    logits = _logits(1, 2)
    before = logits.copy()
    sampler = Sampler(Sampling(temperature=0.7, repetition_penalty=1.3))
    for _ in range(5):
        sampler.choose(logits)
    assert (logits == before).all()
