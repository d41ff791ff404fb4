"""The language model's benchmark: its figures from given times, and everything once with the real model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from appliance.config import MindConfig
from appliance.evaluation.engines.llm import Plan, Samples, figures, measure
from appliance.personas import persona


def test_figures_of_given_times() -> None:
    samples = Samples(
        system_tokens=401,
        first_token_ms=[100.0, 120.0, 140.0],
        stock_first_token_ms=[1200.0, 1200.0],
        prompt_tokens=[500, 500],
        cached_tokens=[480, 490],
        ahead_tokens=[2, 8],
        tokens_per_s={1: [80.0, 100.0, 120.0], 16: [200.0, 100.0, 250.0]},
        cancel_ms=[10.0, 30.0],
        cancel_reading_ms=[200.0],
        first_words_ms=[300.0],
    )
    found = figures(samples, Plan(visitors=2, turns=6))
    assert found["first_token_ms"] == {"p50": 120.0, "p95": 138.0}
    assert found["batch_gain_16"] == 2.0
    assert found["prefix_reuse"] == 0.96
    assert found["cancel_ms"] == {"p50": 30.0, "p95": 183.0}
    assert found["stock"] == {"first_token_ms": {"p50": 1200.0, "p95": 1200.0}}
    assert found["ratio"] == 0.1


@pytest.mark.slow
async def test_everything_is_measured_once(models: Path) -> None:
    files = {"mind": next((models / "mind").glob("*.gguf")), "embedding": models / "embedding"}
    plan = Plan(visitors=2, turns=2, crowds=1, cancels=2, words=2, crowd=2)
    told: list[str] = []
    samples = await measure(persona.load("host"), files, replace(MindConfig(), threads=1), plan, told.append)
    assert samples.system_tokens >= 400
    assert len(samples.first_token_ms) == len(samples.stock_first_token_ms) == 2
    assert all(0 < cached < prompt for cached, prompt in zip(samples.cached_tokens, samples.prompt_tokens, strict=True))
    assert samples.tokens_per_s.keys() == {1, 2}
    assert (len(samples.cancel_ms), len(samples.cancel_reading_ms)) == (1, 1)
    assert len(samples.first_words_ms) == 2
    assert min(samples.first_words_ms) > 0
    assert "question 4 of 4" in told
    assert set(figures(samples, plan)) >= {"first_token_ms", "batch_gain_16", "prefix_reuse", "cancel_ms", "ratio"}
