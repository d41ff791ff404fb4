from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from appliance.cli import doctor
from appliance.cli.main import main
from appliance.doctor.finding import Finding, failed, ok, warning


def _find(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> None:
    def examine(_config: object) -> Iterator[tuple[str, Finding]]:
        yield from (("memory", finding) for finding in findings)

    monkeypatch.setattr(doctor, "examine", examine)


def test_a_warning_is_shown_and_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _find(monkeypatch, ok("8 GB"), warning("1 processor", "add one"))
    assert main(["doctor"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["ok", "memory", "8", "GB"], ["WARN", "memory", "1", "processor"], ["->", "add", "one"]]


def test_one_failure_makes_the_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _find(monkeypatch, failed("0 GB", "add memory"), ok("fine"))
    assert main(["doctor"]) == 1
    assert "FAIL" in capsys.readouterr().out


def test_json_has_the_same(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    _find(monkeypatch, failed("0 GB", "add memory"))
    assert main(["doctor", "--json"]) == 1
    row = {"check": "memory", "verdict": "failed", "what": "0 GB", "hint": "add memory"}
    assert json.loads(capsys.readouterr().out) == [row]
