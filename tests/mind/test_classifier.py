"""The classifier separates groups, and its left-out predictions are what refitting gives."""

from __future__ import annotations

import numpy as np
import pytest

from appliance.mind.classifier import Classifier


def _groups() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    centres = random.standard_normal((3, 16))
    return [(centre + 0.3 * random.standard_normal((6, 16))).astype(np.float32) for centre in centres]


def test_a_vector_fits_its_own_group_best() -> None:
    groups = _groups()
    classifier = Classifier()
    classifier.fit(groups)
    for index, group in enumerate(groups):
        assert (classifier.predict(group).argmax(axis=1) == index).all()


def test_left_out_predictions_are_those_of_a_classifier_that_never_saw_the_vector() -> None:
    groups = _groups()
    left_out = Classifier().fit(groups)
    assert left_out.shape == (18, 3)
    seen = Classifier()
    seen.fit(groups)
    refitted = Classifier()
    refitted.fit([groups[0][1:], *groups[1:]])
    # Not to the last digit: centring and weights change with the group's size.
    unseen = refitted.predict(groups[0][:1])[0]
    assert left_out[0] == pytest.approx(unseen, abs=0.1)
    assert left_out[0, 0] < seen.predict(groups[0][:1])[0, 0]
