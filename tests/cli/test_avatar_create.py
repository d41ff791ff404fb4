"""`appliance avatar create`: whose consent is needed, what is printed, and what is refused."""

from __future__ import annotations

import datetime
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.cli import avatar_create
from appliance.cli.main import main
from appliance.errors import MediaError
from appliance.face.consent import Consent
from appliance.face.making import create as making

TODAY = datetime.date.today()
UNTIL = TODAY + datetime.timedelta(days=30)


@pytest.fixture
def orders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """What was asked of a maker that makes nothing."""
    asked: list[Any] = []

    def create(order: Any, files: Any, progress: Any) -> tuple[Path, dict[str, float]]:
        asked.append(order)
        progress(0.0, "reading the photo")
        progress(0.5, "training")
        progress(1.0, "")
        return tmp_path / "made.avatar", {"mouth_psnr_db": 35.0}

    monkeypatch.setattr(making, "create", create)
    monkeypatch.setattr(making, "require", lambda *_: None)
    monkeypatch.setattr(avatar_create, "_files", lambda _: SimpleNamespace(models=tmp_path))
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: False))
    return asked


def _create(*more: str) -> int:
    return main(["avatar", "create", "--photo", "p.png", "--name", "ada", *more])


def test_for_tests_only(orders: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert _create("--consent", "test") == 0
    assert orders[0].consent is None
    assert orders[0].report == Path("ada-report")
    out = capsys.readouterr()
    assert "for tests" in out.out
    assert "create 100%" in out.err


def test_consent_by_options(orders: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    consent = ["--consent-by", "Ada", "--consent-for", "the lobby", "--consent-until", str(UNTIL)]
    assert _create(*consent, "--json") == 0
    assert orders[0].consent == Consent("Ada", "the lobby", TODAY, UNTIL)
    assert json.loads(capsys.readouterr().out)["figures"] == {"mouth_psnr_db": 35.0}


def test_consent_by_a_file(orders: list[Any], tmp_path: Path) -> None:
    record = tmp_path / "consent.toml"
    record.write_text('by = "Ada"\npurpose = "the lobby"\ngiven = 2026-02-03\nuntil = 2030-01-01\n')
    assert _create("--consent", str(record)) == 0
    assert orders[0].consent == Consent("Ada", "the lobby", datetime.date(2026, 2, 3), datetime.date(2030, 1, 1))


def test_consent_at_the_terminal(orders: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["Ada", "the lobby", str(UNTIL)])
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: next(answers))
    assert _create() == 0
    assert orders[0].consent == Consent("Ada", "the lobby", TODAY, UNTIL)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ([], "no-consent"),
        (["--consent-by", "Ada"], "no-consent"),
        (["--consent-by", "Ada", "--consent-for", "x", "--consent-until", "soon"], "bad-consent"),
        (["--consent-by", "Ada", "--consent-for", "x", "--consent-until", "2001-01-01"], "bad-consent"),
        (["--consent", "test", "--consent-by", "Ada"], "bad-consent"),
        (["--consent", "nowhere.toml"], "bad-consent"),
        (["--consent", "{wrong}"], "bad-consent"),
    ],
)
def test_without_consent_nothing_is_begun(
    orders: list[Any], tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], code: str
) -> None:
    (tmp_path / "wrong.toml").write_text("by = ")
    options = [option.replace("{wrong}", str(tmp_path / "wrong.toml")) for option in options]
    assert _create(*options, "--json") == 1
    error = json.loads(capsys.readouterr().err)
    assert error["code"] == code
    assert error["hint"]
    assert orders == []


def test_examining_needs_no_consent(
    orders: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = SimpleNamespace(examination=SimpleNamespace(findings=[SimpleNamespace(sentence="The mouth is open.")]))
    monkeypatch.setattr(making, "look", lambda photo, models, folder: found)
    assert _create("--check", "--report", str(tmp_path)) == 0
    assert capsys.readouterr().out == f"The mouth is open.\nreport: {tmp_path}\n"

    def refuse(*_: object) -> None:
        raise MediaError("No face of a person was found", code="no-face", hint="x.png shows why.")

    monkeypatch.setattr(making, "look", refuse)
    assert _create("--check") == 1
    assert capsys.readouterr().err == "No face of a person was found [no-face]\n  x.png shows why.\n"
    assert orders == []


def test_ctrl_c_is_told(orders: list[Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def create(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "create", create)
    assert _create("--consent", "test") == 130
    assert "no avatar was made" in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    assert _create("--consent", "test", "--json") == 1
    error = json.loads(capsys.readouterr().err)
    assert error["code"] == "extra-missing"
    assert "train" in error["hint"]


def test_progress_tells_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with avatar_create._Bar(lambda: now[0]) as bar:
        bar(0.0, "reading the photo")
        now[0] = 60.0
        bar(0.25, "training")
        now[0] = 61.0
        bar(0.26, "training")
        bar(1.0, "")
    assert capsys.readouterr().err.splitlines() == [
        "create   0%  reading the photo",
        "create  25%  training  3:00 left",
        "create 100%",
    ]


def test_a_film_takes_the_place_of_a_photo(orders: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    film = ["avatar", "create", "--video", "v.mp4", "--name", "ada", "--consent", "test"]
    assert main(film) == 0
    assert (orders[0].source, orders[0].video) == (Path("v.mp4"), True)
    assert main([*film, "--background", "blur", "--json"]) == 1
    assert json.loads(capsys.readouterr().err.splitlines()[-1])["code"] == "bad-background"
    with pytest.raises(SystemExit):
        main([*film, "--photo", "p.png"])
