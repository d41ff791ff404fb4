"""From a photo's file to an installed avatar, nets and training replaced; and every way not to get there."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from appliance.errors import AvatarError, MediaError
from appliance.face import packs
from appliance.face.avatar import load_avatar
from appliance.face.making import create as module
from appliance.face.making import filming, report, sitting
from appliance.face.making.create import Files, Order, create, look
from appliance.face.making.landmarks import Face
from tests.face.making.conftest import Pixels, laid_face, painted
from tests.models import generate

FRAMES = 6


class _Finder:
    def __init__(self, folder: Path) -> None:
        assert folder.name == "nets"

    def find(self, picture: Pixels) -> list[Face]:
        return [laid_face()] if picture.shape == (512, 512, 3) else []


class _Matter:
    def __init__(self, folder: Path) -> None:
        assert folder.name == "nets"

    def matte(self, picture: Pixels) -> np.ndarray:
        mask = np.zeros(picture.shape[:2], np.float32)
        mask[60:, 120:-120] = 1
        return mask


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    for source in (sitting, filming):
        monkeypatch.setattr(source, "FaceFinder", _Finder)
    monkeypatch.setattr(sitting, "Matter", _Matter)
    monkeypatch.setattr(sitting, "LOOP", FRAMES)
    monkeypatch.setattr(sitting, "_N_HELD", 8)
    monkeypatch.setattr("appliance.face.making.lessons.POSES", 2)
    monkeypatch.setattr("appliance.face.making.lessons.MOUTHS", 10)
    return Files(tmp_path / "nets", generate.grey_mouth(tmp_path / "net.onnx", size=192, mouths=True))


@pytest.fixture
def trained(files: Files, monkeypatch: pytest.MonkeyPatch) -> Files:
    def tune(net: Path, _: object, *, progress: Callable[[float], None], **__: object) -> bytes:
        progress(0.5)
        return net.read_bytes()

    monkeypatch.setattr(module, "require", lambda *_: None)
    monkeypatch.setitem(sys.modules, "appliance.face.training.tuning", SimpleNamespace(tune=tune))
    return files


def _order(tmp_path: Path, picture: Pixels | None = None, *, name: str = "ada") -> Order:
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), painted() if picture is None else picture)
    return Order(path, False, name, None, tmp_path / "report", minutes=1.0, threads=1)


def test_a_photo_becomes_an_installed_avatar(tmp_path: Path, trained: Files) -> None:
    told: list[tuple[float, str]] = []
    path, figures = create(_order(tmp_path), trained, lambda *step: told.append(step))
    assert path == packs.installed()["ada"]
    avatar = load_avatar(path)
    assert avatar.n_frames == FRAMES
    assert avatar.card.photo
    assert avatar.card.consent is None
    assert avatar.net == trained.net.read_bytes()
    assert avatar.ruler is not None
    shares = [share for share, _ in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 1.0)
    assert figures["background_psnr_db"] > 28, "chequers close behind a head show the most"
    written = json.loads((tmp_path / "report" / report.FIGURES).read_text())
    assert written["made"] == figures
    assert (tmp_path / "report" / module.PREVIEW).stat().st_size > 10_000


def test_a_taken_or_impossible_name_is_refused_before_anything_is_done(tmp_path: Path, trained: Files) -> None:
    create(_order(tmp_path), trained, lambda *_: None)
    for name, code in (("ada", "exists"), ("../ada", "invalid-name")):
        with pytest.raises(AvatarError) as caught:
            create(_order(tmp_path, name=name), trained, lambda *_: pytest.fail("work was begun"))
        assert caught.value.code == code


def test_a_photo_that_cannot_be_used_leaves_a_report_and_no_avatar(tmp_path: Path, trained: Files) -> None:
    for picture, code in ((np.zeros((300, 300, 3), np.uint8), "no-face"), (painted()[:40, :40], "photo-too-small")):
        with pytest.raises(MediaError) as caught:
            create(_order(tmp_path, picture), trained, lambda *_: None)
        assert caught.value.code == code
        assert str(tmp_path / "report" / report.PICTURE) in caught.value.hint
        assert json.loads((tmp_path / "report" / report.FIGURES).read_text())["accepted"] is False
    assert packs.installed() == {}


def test_what_is_found_only_in_the_end_is_in_the_report_too(
    tmp_path: Path, trained: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = look(_order(tmp_path), trained, lambda *_: None)
    assert json.loads((tmp_path / "report" / report.FIGURES).read_text())["accepted"] is True

    def person(_: object) -> Any:
        raise MediaError("nobody speaks", code="no-speech", hint="speak")

    monkeypatch.setattr(module, "look", lambda *_: dataclasses.replace(seen, person=person))
    with pytest.raises(MediaError) as caught:
        create(_order(tmp_path), trained, lambda *_: None)
    assert caught.value.code == "no-speech"
    assert str(tmp_path / "report" / report.PICTURE) in caught.value.hint
    written = json.loads((tmp_path / "report" / report.FIGURES).read_text())
    assert written["accepted"] is False
    assert written["findings"][0]["code"] == "no-speech"
    assert written["figures"] == seen.examination.figures


def test_what_is_no_picture_has_a_report_of_words(tmp_path: Path, files: Files) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture, and no film")
    for video, code in ((False, "not-a-picture"), (True, "not-a-video")):
        order = dataclasses.replace(_order(tmp_path), source=tmp_path / "a.jpg", video=video)
        with pytest.raises(MediaError) as caught:
            look(order, files, lambda *_: None)
        assert caught.value.code == code
        assert (tmp_path / "report" / report.PICTURE).is_file()


def test_an_interrupted_training_leaves_nothing(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def tune(*_: object, **__: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "require", lambda *_: None)
    monkeypatch.setitem(sys.modules, "appliance.face.training.tuning", SimpleNamespace(tune=tune))
    with pytest.raises(KeyboardInterrupt):
        create(_order(tmp_path), files, lambda *_: None)
    assert packs.installed() == {}


def test_without_torch_it_says_what_to_install(tmp_path: Path, files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(AvatarError) as caught:
        create(_order(tmp_path), files, lambda *_: None)
    assert caught.value.code == "extra-missing"
    assert "train" in caught.value.hint
