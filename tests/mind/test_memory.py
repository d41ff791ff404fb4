"""What is left of the memory, from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import LLMError
from appliance.mind.memory import available, check


def _write(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("_", ".", 1) if name.startswith("memory_") else folder / name).write_text(text)
    return folder


def _proc(tmp_path: Path, cgroup: str) -> Path:
    proc = _write(tmp_path / "proc", meminfo="MemTotal: 9000 kB\nMemAvailable:    5000 kB\n")
    _write(proc / "self", cgroup=cgroup)
    return proc


def test_without_a_group_it_is_what_the_system_has(tmp_path: Path) -> None:
    assert available(_proc(tmp_path, ""), tmp_path / "none") == 5000 * 1024


def test_the_group_may_allow_less_and_gives_back_its_page_cache(tmp_path: Path) -> None:
    proc = _proc(tmp_path, "0::/box.slice/box.service\n")
    group = tmp_path / "groups" / "box.slice" / "box.service"
    _write(group, memory_max="3000000\n", memory_current="2500000\n", memory_stat="anon 7\ninactive_file 400000\n")
    assert available(proc, tmp_path / "groups") == 900_000


def test_version_1_and_no_limit(tmp_path: Path) -> None:
    proc = _proc(tmp_path, "4:memory:/box\n0::/\n")
    _write(tmp_path / "groups", memory_max="max", memory_current="1")
    group = tmp_path / "groups" / "memory" / "box"
    _write(group, memory_limit_in_bytes="2000000", memory_usage_in_bytes="500000")
    assert available(proc, tmp_path / "groups") == 1_500_000


def test_a_system_that_does_not_tell_refuses_nothing(tmp_path: Path) -> None:
    assert available(tmp_path, tmp_path) is None
    check(1 << 60, "a model", "", available(tmp_path, tmp_path))


def test_what_does_not_fit_is_refused_with_both_amounts() -> None:
    check(100, "a model", "", 100)
    with pytest.raises(LLMError, match="a model needs 200 MB of memory, and 100 MB are available") as caught:
        check(200_000_000, "a model", "choose a smaller model", 100_000_000)
    assert caught.value.code == "out-of-memory"
    assert caught.value.hint == "choose a smaller model"
