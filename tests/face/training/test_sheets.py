"""Contact sheets show everyone, and every mouth by its name."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("skia", reason="skia-python is not installed: it comes with the extra `train`")

from appliance.face.training import sheets
from appliance.face.visemes import TABLE


def test_a_contact_sheet_lays_pictures_side_by_side() -> None:
    pictures = [np.full((4, 6, 3), shade, np.uint8) for shade in (10, 20, 30)]
    sheet = sheets.contact_sheet(pictures, columns=2)
    assert sheet.shape == (8, 12, 3)
    assert (sheet[0, 0, 0], sheet[0, 6, 0], sheet[5, 1, 0], sheet[5, 7, 0]) == (10, 20, 30, 0)


def test_every_mouth_that_differs_is_shown() -> None:
    shown = [TABLE[phone][0] for phone in sheets.MOUTHS.values()]
    assert len(shown) >= 15
    for number, mouth in enumerate(shown):
        assert all(np.abs(mouth - other).max() > 0.05 for other in shown[:number])


def test_sheets_are_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOUTHS", {"rest": "_", "father": "ɑ"})
    monkeypatch.setattr(sheets, "PRESENTERS", {"sam": sheets.PRESENTERS["sam"]})
    assert sheets.main([str(tmp_path), "--mouths-of", "sam"]) == 0
    faces, mouths = (cv2.imread(str(tmp_path / f"{name}.jpg")) for name in ("presenters", "visemes"))
    assert faces is not None
    assert mouths is not None
    assert faces.shape == (384, 4 * 384, 3)
    assert mouths.shape == (256, 6 * 256, 3)
    assert np.abs(mouths[:, :256].astype(int) - mouths[:, 256:512]).mean() > 1
