"""Rare words count for more than common ones."""

from __future__ import annotations

import pytest

from appliance.mind.word_index import WordIndex


def test_overlap_is_the_share_of_rare_words() -> None:
    index = WordIndex()
    index.build(["where is the lift", "where is the café", *(f"where is the thing {index}" for index in range(9))])
    overlap = index.overlap("WHERE is the lifts")
    assert overlap[0] == pytest.approx(1.0, abs=1e-3)
    assert overlap[1] < 0.2
    assert index.overlap("cafe")[1] == pytest.approx(1.0, abs=1e-3)
    assert index.overlap("the elephant in the lift")[0] < 0.6  # two words that nothing here uses
    index.close()


def test_hostile_words_are_only_words() -> None:
    index = WordIndex()
    index.build(["where is the lift"])
    assert index.overlap('" OR * NEAR(lift) "; drop table entry').shape == (1,)
    assert index.overlap("").sum() == 0
    assert index.overlap("lift")[0] > 0
    index.close()
