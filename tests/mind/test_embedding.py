"""The embedder on a generated model, and on the real one."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from appliance.errors import LLMError
from appliance.mind.embedding import MAX_TOKENS, Embedder
from tests.mind import tiny_embedding

_TEXTS = ["where is the lift", "where is the exit", "can i pay by card"]


def test_vectors_have_length_one_and_do_not_depend_on_their_batch(tmp_path: Path) -> None:
    embedder = tiny_embedding.write(tmp_path, _TEXTS)
    texts = [*_TEXTS * 20, "where"]
    together = embedder.embed(texts)
    assert np.linalg.norm(together, axis=1) == pytest.approx(1.0, abs=1e-5)
    alone = np.concatenate([embedder.embed([text]) for text in texts])
    assert together == pytest.approx(alone, abs=1e-5)
    assert together[0] @ together[1] > together[0] @ together[2]


def test_long_texts_are_cut(tmp_path: Path) -> None:
    embedder = tiny_embedding.write(tmp_path, _TEXTS)
    short, long = embedder.embed(["lift " * MAX_TOKENS + "exit", "lift " * MAX_TOKENS + "exit " * 5000])
    assert short == pytest.approx(long)


def test_no_texts_give_no_vectors(tmp_path: Path) -> None:
    assert len(tiny_embedding.write(tmp_path, _TEXTS).embed([])) == 0


@pytest.mark.parametrize("damaged", ["model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_named_by_a_typed_error(tmp_path: Path, damaged: str) -> None:
    tiny_embedding.write(tmp_path, _TEXTS)
    (tmp_path / damaged).write_bytes(b"not what it says")
    with pytest.raises(LLMError) as caught:
        Embedder(tmp_path / "model.onnx", tmp_path / "tokenizer.json").load()
    assert caught.value.code == "model-unreadable"
    assert "appliance models" in caught.value.hint


def test_before_load_and_after_close_there_is_a_typed_error(tmp_path: Path) -> None:
    embedder = tiny_embedding.write(tmp_path, _TEXTS)
    embedder.close()
    with pytest.raises(LLMError) as caught:
        embedder.embed(["lift"])
    assert caught.value.code == "not-loaded"


def test_kept_vectors_are_read_again_and_damage_is_repaired(tmp_path: Path) -> None:
    embedder = tiny_embedding.write(tmp_path, _TEXTS)
    folder = tmp_path / "kept"
    first = embedder.embed_kept(_TEXTS, folder)
    (file,) = folder.iterdir()
    marked = first.copy()
    marked[0] = 0.25
    np.save(file, marked)
    assert embedder.embed_kept(_TEXTS, folder)[0, 0] == 0.25  # it was the file that was read
    file.write_bytes(b"torn")
    assert embedder.embed_kept(_TEXTS, folder) == pytest.approx(first)
    assert embedder.embed_kept(_TEXTS, folder) == pytest.approx(np.load(file))
    embedder.embed_kept(_TEXTS[:2], folder)
    assert len(list(folder.iterdir())) == 2  # other texts, another file


def test_a_folder_that_cannot_be_written_keeps_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    embedder = tiny_embedding.write(tmp_path, _TEXTS)
    (tmp_path / "file").write_text("in the way")
    with caplog.at_level(logging.WARNING):
        vectors = embedder.embed_kept(_TEXTS, tmp_path / "file" / "kept")
    assert len(vectors) == len(_TEXTS)
    assert "vectors cannot be kept" in caplog.messages


@pytest.mark.slow
def test_minilm_puts_meaning_before_words(models: Path) -> None:
    embedder = Embedder(models / "embedding" / "model.onnx", models / "embedding" / "tokenizer.json")
    embedder.load()
    toilet, restroom, moon = embedder.embed(["where is the toilet", "I need the restroom", "where is the moon"])
    assert toilet.shape == (384,)
    assert toilet @ restroom > toilet @ moon
    embedder.close()
