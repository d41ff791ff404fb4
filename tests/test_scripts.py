"""The scripts of set-up: what stops them is said in a sentence, and what they install is what the locks say."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from appliance import sfu
from appliance.bundles import manifest

ROOT = Path(__file__).resolve().parents[1]
LOCKS = sorted(path.stem for path in (ROOT / "locks").glob("*.txt"))


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What scripts/setup reads, in a checkout where nothing is installed, with an empty per-user folder."""
    folder = tmp_path / "checkout"
    for name in ("scripts", "locks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    monkeypatch.setenv("APPLIANCE_HOME", str(tmp_path / "home"))
    return folder


@pytest.fixture
def install(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """The modules of scripts/install, of that checkout."""
    names = ("places", "progress", "steps")
    monkeypatch.syspath_prepend(str(checkout / "scripts" / "install"))
    loaded = {name: importlib.import_module(name) for name in names}
    spec = importlib.util.spec_from_file_location("install_main", checkout / "scripts" / "install" / "__main__.py")
    assert spec and spec.loader
    main = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(main)
    yield SimpleNamespace(**loaded, main=main)
    for name in names:
        del sys.modules[name]


def _tools(folder: Path, *names: str) -> str:
    """A PATH with nothing but these."""
    folder.mkdir()
    for name in names:
        found = sys.executable if name == "python3" else shutil.which(name)
        assert found is not None
        (folder / name).symlink_to(found)
    return str(folder)


def _run(command: list[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, env={**os.environ, **environment}
    )


@pytest.mark.parametrize("name", ["up", "test", "check", "setup", "lock", "pin-own-models"])
def test_each_script_can_be_run_and_says_how(name: str) -> None:
    path = ROOT / "scripts" / name
    assert os.access(path, os.X_OK)
    text = path.read_text(encoding="utf-8")
    assert "usage: scripts/" in text
    if text.startswith("#!/usr/bin/env bash"):
        assert _run(["bash", "-n", path]).returncode == 0
        assert "set -euo pipefail" in text


def test_up_explains_its_options() -> None:
    done = _run([ROOT / "scripts" / "up", "--help"])
    assert done.returncode == 0
    assert all(option in done.stdout for option in ("--port", "--no-browser", "--check", "APPLIANCE_HOME"))


@pytest.mark.parametrize("arguments", [["--nope"], ["--port"], ["--port", "x"]])
def test_up_refuses_what_it_does_not_know_before_it_installs(arguments: list[str]) -> None:
    done = _run([ROOT / "scripts" / "up", *arguments])
    assert done.returncode == 2
    assert done.stdout == ""
    assert arguments[0] in done.stderr


def test_a_missing_python_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    done = _run([checkout / "scripts" / "setup"], PATH=_tools(tmp_path / "bin", "bash", "env", "dirname"), PYTHON="")
    assert done.returncode == 1
    assert done.stderr.startswith("Python 3.11 to 3.14 is missing: install it")
    assert done.stderr.count("\n") == 1


def test_a_missing_compiler_is_one_sentence(checkout: Path, tmp_path: Path) -> None:
    path = _tools(tmp_path / "bin", "bash", "env", "dirname", "python3")
    done = _run([checkout / "scripts" / "setup"], PATH=path)
    assert done.returncode == 1
    assert (
        done.stderr.strip()
        == "No C and C++ compiler is installed (Debian, Ubuntu: sudo apt-get install build-essential)."
    )


def test_a_full_disk_is_one_sentence_before_anything_is_done(
    install: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = shutil.disk_usage("/")._replace(free=1_000_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr(subprocess, "Popen", pytest.fail)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(install.places, "works", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["setup"])
    assert install.main.main() == 1
    said = capsys.readouterr().err.strip()
    assert said.startswith("The disk is too full: this checkout needs 1.5 GB in ")
    assert "0.0 GB are free" in said


def test_an_unknown_option_is_wrong_usage(checkout: Path) -> None:
    assert _run([checkout / "scripts" / "setup", "--nope"]).returncode == 2


# ---- the board


def _task(install: SimpleNamespace, folder: Path, name: str, code: str, after: tuple[str, ...] = ()) -> object:
    return install.progress.Task(name, [sys.executable, "-c", code], dict(os.environ), folder / f"{name}.log", after)


def test_a_task_starts_when_those_it_waits_for_are_done(
    install: SimpleNamespace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "trace"
    code = f"open({str(trace)!r}, 'a').write('%s ')"
    first = _task(install, tmp_path, "packages", f"import time; time.sleep(0.4); {code % 'packages'}")
    second = _task(install, tmp_path, "models", code % "models", ("packages",))
    install.progress.Board([second, first], out=sys.stderr).run()
    assert trace.read_text() == "packages models "
    lines = [" ".join(line.split()) for line in capsys.readouterr().err.splitlines()]
    assert lines[-1].startswith("model files done 0:0")


def test_a_failed_task_ends_the_others_and_is_explained(install: SimpleNamespace, tmp_path: Path) -> None:
    slow = _task(install, tmp_path, "llama", "import time; time.sleep(60)")
    bad = _task(install, tmp_path, "livekit", "print('STOP Go is broken.'); raise SystemExit(1)")
    with pytest.raises(install.places.SetupError, match=r"^Go is broken\.$"):
        install.progress.Board([slow, bad]).run()
    assert slow.process.returncode == -signal.SIGTERM  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("log", "said"),
    [
        ("gcc: error: No space left on device", "the disk is full"),
        ("error sending request for url", "a package registry cannot be reached"),
        ("go: dial tcp: lookup failed", "a package registry cannot be reached"),
        ("foo.cpp:1: error: expected ;", "foo.cpp:1: error: expected ;\nllama.cpp (build) failed; the whole log is"),
    ],
)
def test_a_failure_names_its_cause_and_its_log(install: SimpleNamespace, tmp_path: Path, log: str, said: str) -> None:
    task = _task(install, tmp_path, "llama", "")
    task.log.write_text(log)  # type: ignore[attr-defined]
    error = task.fault()  # type: ignore[attr-defined]
    assert said in str(error)
    assert str(task.log) in str(error)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("log", "share"),
    [("  [3/83] g++ -c a.cpp\n  [41/83] g++ -c b.cpp", "41/83"), ("fetch  63%  205 of 326 MB", "63%"), ("nothing", "")],
)
def test_progress_is_read_from_the_log(install: SimpleNamespace, tmp_path: Path, log: str, share: str) -> None:
    task = _task(install, tmp_path, "llama", "")
    task.log.write_text(log)  # type: ignore[attr-defined]
    task.state, task.started_s, task.took_s = "running", 1.0, 75.0  # type: ignore[attr-defined]
    assert task.line().split() == ["llama.cpp", "(build)", "running", "1:15", *([share] if share else [])]  # type: ignore[attr-defined]


def test_an_interrupted_set_up_leaves_no_process(checkout: Path, tmp_path: Path) -> None:
    """Everything is there but one step that hangs: a Go that never ends."""
    path = _tools(tmp_path / "bin", "bash", "env", "dirname", "python3", "sleep", "sh", "cc", "c++")
    for name in ("go", "uv"):
        (tmp_path / "bin" / name).write_text(
            '#!/bin/sh\n[ "$1" = env ] && echo go1.99 && exit\n'
            f'[ "$1" = --version ] && exit\necho $$ > {tmp_path}/{name}.pid\nexec sleep 60\n'
        )
        (tmp_path / "bin" / name).chmod(0o755)
    process = subprocess.Popen(
        [checkout / "scripts" / "setup"], env={**os.environ, "PATH": path}, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 30
    while not all((tmp_path / f"{name}.pid").exists() for name in ("go", "uv")):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"interrupted: run it again" in err
    for name in ("go", "uv"):
        assert _ends(int((tmp_path / f"{name}.pid").read_text()))


def _ends(pid: int) -> bool:
    """Whether a process that was told to end does so; nobody may have taken note of its end yet."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


# ---- what is installed


def test_two_copies_of_one_rule_agree(install: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert install.places.LIVEKIT_VERSION == sfu.VERSION
    for variables in ({"APPLIANCE_HOME": "/a"}, {"XDG_CACHE_HOME": "/b"}, {"HOME": "/c"}):
        for name in ("APPLIANCE_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert install.places.cache() == manifest.cache()


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_has_hashes_and_no_address(install: SimpleNamespace, name: str) -> None:
    path = ROOT / "locks" / f"{name}.txt"
    assert not re.search(r"://|--index|--find-links", path.read_text(encoding="utf-8"))
    blocks = install.places._blocks(path)
    assert blocks
    assert [package for package, block in blocks.items() if "--hash=sha256:" not in block] == []


def test_every_lock_is_made_from_the_present_pyproject() -> None:
    done = _run([sys.executable, ROOT / "scripts" / "lock_inputs.py"])
    first = {name: (ROOT / "locks" / f"{name}.txt").read_text().partition("\n")[0] for name in LOCKS}
    assert first == dict.fromkeys(LOCKS, f"# inputs: {done.stdout.strip()}")


def test_only_llama_is_left_out_of_what_uv_installs(install: SimpleNamespace) -> None:
    lock = ROOT / "locks" / "cpu.txt"
    left = install.places.without_llama(lock)
    whole = set(re.findall(r"^[a-z0-9._-]+(?===)", lock.read_text(), re.MULTILINE))
    assert whole - set(re.findall(r"^[a-z0-9._-]+(?===)", left, re.MULTILINE)) == {"llama-cpp-python"}
    block, version = install.places.llama_lock()
    assert block.startswith(f"llama-cpp-python=={version} ")
    assert block.count("==") == 1


def test_a_gpu_box_gets_one_onnxruntime() -> None:
    text = (ROOT / "locks" / "gpu.txt").read_text()
    assert re.search(r"^onnxruntime-gpu==", text, re.MULTILINE)
    assert re.findall(r"^onnxruntime==.*$", text, re.MULTILINE) != []
    assert all("sys_platform == 'never'" in line for line in re.findall(r"^onnxruntime==.*$", text, re.MULTILINE))


def test_other_build_arguments_make_another_wheel(install: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    before = install.places.wheel_folder()
    assert install.places.wheel_folder() == before
    monkeypatch.setenv("CMAKE_ARGS", "-DGGML_CUDA=ON")
    assert install.places.wheel_folder() != before
    assert install.places.cmake_args().endswith("-DGGML_CUDA=ON")


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="Intel's AMX is an x86-64 matter")
def test_the_whole_tile_configuration_reaches_the_processor(tmp_path: Path) -> None:
    """GCC 12 drops what it does not know to be read; the first matrix product on AMX then is a fault."""
    source = tmp_path / "tiles.c"
    source.write_text(
        "#include <immintrin.h>\n"
        "void tiles(void) {\n"
        "    struct { unsigned char palette, none[15]; unsigned short columns[16]; unsigned char rows[16]; } c = {1};\n"
        "    c.columns[7] = 12345;\n"
        "    _tile_loadconfig(&c);\n"
        "}\n"
    )
    header = ROOT / "scripts" / "install" / "llama_simd.h"
    command = ["gcc", "-O3", "-march=sapphirerapids", "-include", str(header), "-dM", "-E", str(source)]
    macros = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "__AMX_TILE__" in macros
    assert "__AVX512FP16__" not in macros
    command = ["gcc", "-O3", "-march=sapphirerapids", "-include", str(header), "-S", "-o", "-", str(source)]
    assembly = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "ldtilecfg" in assembly
    assert "$12345" in assembly


@pytest.mark.parametrize(("version", "taken"), [("1.13.9", True), ("1.12.5", False), ("11.13.5", False)])
def test_a_livekit_server_on_path_serves_if_its_minor_version_is_ours(
    install: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    (tmp_path / "bin").mkdir()
    binary = tmp_path / "bin" / "livekit-server"
    binary.write_text(f"#!/bin/sh\necho livekit-server version {version}\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert install.places.livekit_server() == (binary if taken else None)


@pytest.mark.parametrize(("version", "taken"), [("go1.26.0", True), ("go2.0", True), ("go1.19.8", False)])
def test_an_old_go_is_passed_over(
    install: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, taken: bool
) -> None:
    (tmp_path / "bin").mkdir()
    binary = tmp_path / "bin" / "go"
    binary.write_text(f"#!/bin/sh\necho {version}\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    ran: list[list[object]] = []
    monkeypatch.setattr(install.steps, "run", lambda command, **_: ran.append(command))
    assert (install.steps._go() == binary) is taken
    assert any("go.txt" in str(word) for command in ran for word in command) is not taken


def test_what_is_complete_is_not_installed_again(install: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    assert install.steps.needed("cpu")[:1] == ["packages"]
    venv = install.places.VENV
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "appliance-stamp").write_text(install.places.stamp("dev"))
    monkeypatch.setattr(install.steps, "livekit_server", lambda: Path("/bin/true"))
    assert install.steps.needed("cpu") == install.steps.needed("dev") == ["models"]
    (venv / "appliance-stamp").write_text(install.places.stamp("cpu"))
    assert install.steps.needed("cpu") == ["models"]
    assert install.steps.needed("dev") == ["packages", "llama", "models", "finish"]


def _pin() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("pin_own_models", str(ROOT / "scripts" / "pin-own-models"))
    spec = importlib.util.spec_from_loader(loader.name, loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_own_models_are_pinned_and_others_left_alone(tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(b"abc")
    other = '[[file]]\nbytes = 7\nsha256 = "y"\npackage = "p"\n'
    text = f'format = 1\n{other}[[file]]\nbytes = 1\nsha256 = "x"\npath = "net.onnx"\n'
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    wanted = f'format = 1\n{other}[[file]]\nbytes = 3\nsha256 = "{digest}"\npath = "net.onnx"\n'
    assert _pin().pinned(text, tmp_path) == wanted
