"""Fixtures of every test: nothing may be left running, and where the real models are."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

# The machines that run these tests are noisy: how long an example took says nothing.
hypothesis.settings.register_profile("appliance", deadline=None, max_examples=50, database=None)
hypothesis.settings.load_profile("appliance")

# A shell that runs the tests in the background has them ignore Ctrl-C, and so would every program that they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--gpu", action="store_true", help="run the tests that need a CUDA device")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--gpu"):
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device: run it with --gpu"))


DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# Threads that libraries start once per process and keep: none belongs to a test.
_KEPT = (
    "tqdm",
    "asyncio_",
    "ThreadPoolExecutor",
    "AnyIO",
    "job-",
    "pymp",
    "tokio",
    "MainThread",
    "livekit",
    "pytest_timeout",
    "playwright",
    "Dummy-",
)


def _children() -> set[int]:
    """Process ids of our children."""
    found: set[int] = set()
    for task in Path("/proc/self/task").iterdir():
        try:
            found |= {int(pid) for pid in (task / "children").read_text().split()}
        except FileNotFoundError:
            continue
    return found


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """Fail the test that leaves a thread or a child process running."""
    threads = set(threading.enumerate())
    children = _children()
    yield
    deadline = time.monotonic() + 3.0
    while True:
        left = [t for t in set(threading.enumerate()) - threads if t.is_alive() and not t.name.startswith(_KEPT)]
        orphans = _children() - children
        if not left and not orphans:
            return
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    names = {pid: Path(f"/proc/{pid}/comm").read_text().strip() for pid in orphans if Path(f"/proc/{pid}").exists()}
    pytest.fail(f"left behind: threads {[t.name for t in left]}, children {names}")


@pytest.fixture(autouse=True)
async def no_tasks_left() -> object:
    """Fail the asynchronous test that leaves a task running."""
    yield
    current = asyncio.current_task()
    for _ in range(20):
        left = [t for t in asyncio.all_tasks() if t is not current and not t.done()]
        if not left:
            return
        await asyncio.sleep(0)
    pytest.fail(f"left behind: tasks {[t.get_name() for t in left]}")


@pytest.fixture(autouse=True)
def no_settings_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests see the shipped settings, whatever the shell that runs them exports."""
    for name in list(os.environ):
        if name.startswith("APPLIANCE_") and name != "APPLIANCE_HOME":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def models() -> Path:
    """The folder of verified model files; scripts/test fetches them."""
    home = os.environ.get("APPLIANCE_HOME")
    cache = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "appliance"
    folder = cache / "models"
    if not folder.is_dir():
        pytest.skip(f"no model files in {folder}: run `appliance models fetch`")
    return folder


@pytest.fixture(scope="session")
def data() -> Path:
    """Recordings of real speech and noise, which users do not have."""
    if not DATA.is_dir():
        pytest.skip(f"no recordings in {DATA}")
    return DATA


@pytest.fixture(scope="session")
def stranger_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Stand-ins for other people's face nets, by what is special about them; `hubert` is `ultralight`'s encoder."""
    from tests.models import strangers

    folder = tmp_path_factory.mktemp("strangers")
    return {
        "small": strangers.wav2lip(folder / "Small Face.onnx", width=4),
        "minus-one": strangers.wav2lip(folder / "minus_one.onnx", size=256, width=2, draws="-1..1", batch=1),
        "bytes": strangers.wav2lip(folder / "bytes.onnx", size=288, width=2, draws="0..255"),
        "rgb": strangers.wav2lip(folder / "rgb.onnx", size=192, width=4, rgb=True),
        "lower-half": strangers.wav2lip(folder / "lower.onnx", size=384, width=2, lower_half=True),
        "ultralight": strangers.ultralight(folder / "ultralight.onnx"),
        "hubert": strangers.encoder(folder / "hubert.onnx"),
        "nan": strangers.wav2lip(folder / "nan.onnx", width=2, draws="nan"),
        "flat": strangers.wav2lip(folder / "flat.onnx", width=2, draws="flat"),
        "deaf": strangers.wav2lip(folder / "deaf.onnx", width=2, draws="deaf"),
    }
