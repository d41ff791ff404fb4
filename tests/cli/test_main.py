from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from appliance.cli import main as module
from appliance.cli.main import COMMANDS, main
from appliance.errors import AgentError

ROOT = Path(__file__).resolve().parents[2]


def _command(monkeypatch: pytest.MonkeyPatch, outcome: object) -> None:
    """A subcommand `say` that returns or raises `outcome`."""
    fake = ModuleType("appliance.cli.say")

    def add_arguments(parser: object) -> None:
        parser.add_argument("--json", action="store_true")  # type: ignore[attr-defined]

    def run(_args: object) -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    fake.add_arguments = add_arguments  # type: ignore[attr-defined]
    fake.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "appliance.cli.say", fake)


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert all(f"    {name} " in text for name in COMMANDS)


def test_without_a_command_it_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage: appliance" in capsys.readouterr().err


def test_an_unknown_command_suggests_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["modls", "list"])
    assert caught.value.code == 2
    assert "did you mean models?" in capsys.readouterr().err


def test_an_unknown_option_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as caught:
        main(["config", "--wrong"])
    assert caught.value.code == 2


@pytest.mark.parametrize("status", [0, 1])
def test_the_commands_own_status_is_returned(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    _command(monkeypatch, status)
    assert main(["say"]) == status


def test_an_error_is_what_happened_its_code_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command(monkeypatch, AgentError("the disk is full", code="disk-full", hint="free some space"))
    assert main(["say"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "the disk is full [disk-full]\n  free some space\n"


def test_an_error_without_a_hint_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command(monkeypatch, AgentError("it broke"))
    assert main(["say"]) == 1
    assert capsys.readouterr().err == "it broke [agent-error]\n"


def test_an_error_as_json_has_the_same_three_fields(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command(monkeypatch, AgentError("it broke", code="broken", hint="mend it"))
    assert main(["say", "--json"]) == 1
    assert json.loads(capsys.readouterr().err) == {"code": "broken", "message": "it broke", "hint": "mend it"}


def test_control_c_ends_with_130_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _command(monkeypatch, KeyboardInterrupt())
    assert main(["say"]) == 130
    assert capsys.readouterr().err == ""


def test_a_reader_that_has_gone_ends_it_quietly() -> None:
    command = f"{sys.executable} -m appliance config --json | head -n 1"
    done = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "[\n"
    assert done.stderr == ""


def test_help_loads_no_heavy_library() -> None:
    """Imports decide how long --help takes; counting them does not depend on how busy the machine is."""
    code = (
        "import sys\n"
        "from appliance.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "print(sorted(loaded - set(sys.stdlib_module_names)), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, env=_bare())
    assert "usage: appliance" in done.stdout
    assert done.stderr.strip() == "['__main__', 'appliance']"


def _bare() -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}


@pytest.mark.parametrize("name", ["config", "models list", "models add", "doctor", "token"])
def test_each_of_these_commands_helps_without_a_library(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "appliance", *name.split(), "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=_bare(),
    )
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout


def test_every_command_has_its_module() -> None:
    folder = Path(module.__file__).parent
    files = {path.parent.name if path.name == "__init__.py" else path.stem for path in folder.glob("**/*.py")}
    assert set(COMMANDS) <= files
