"""The lookup on a generated model (rules), and on the real one with labelled questions (how often it is right)."""

from __future__ import annotations

import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from appliance.errors import LLMError
from appliance.mind.embedding import Embedder
from appliance.mind.knowledge import MAX_QUESTION_CHARS, Knowledge, KnowledgeConfig
from appliance.personas import persona
from appliance.personas.persona import Entry
from tests.mind import tiny_embedding

_QUESTIONS = Path(__file__).parent / "questions"
_ENTRIES = (
    Entry("parking", ("where can I park my car", "is there a car park"), "Behind the house."),
    Entry("opening", ("when are you open", "what are your opening hours"), "From nine until noon."),
    Entry("thanks", ("thank you", "thanks a lot my friend"), "You're welcome.", small_talk=True),
    Entry("help", ("I need help now",), "Tell the nearest person.", urgent=True),
)
_OUTSIDE = ("where can I wash my car", "who is the king")


@pytest.fixture
def knowledge(tmp_path: Path) -> Knowledge:
    texts = [*_OUTSIDE, *(text for entry in _ENTRIES for text in (*entry.questions, entry.answer))]
    found = Knowledge(_ENTRIES, _OUTSIDE, tiny_embedding.write(tmp_path, texts))
    found.load()
    return found


def _id(knowledge: Knowledge, question: str) -> str | None:
    entry = knowledge.lookup(question).entry
    return entry.id if entry else None


def test_a_phrasing_of_its_own_is_answered(knowledge: Knowledge) -> None:
    for entry in _ENTRIES:
        for question in entry.questions:
            assert _id(knowledge, question) == entry.id


@pytest.mark.parametrize(
    "question",
    [
        "WHERE CAN I PARK MY CAR",
        "um, hello, where can I park my car?",
        "Excuse me, I was wondering, is there a car park?",
        "Thank you. And where can I park my car?",
    ],
)
def test_case_fillers_and_pleasantries_do_not_matter(knowledge: Knowledge, question: str) -> None:
    assert _id(knowledge, question) == "parking"


def test_a_question_from_outside_is_not_answered(knowledge: Knowledge) -> None:
    for question in _OUTSIDE:
        assert knowledge.lookup(question).entry is None
    assert knowledge.lookup("zebra quantum marmalade").entry is None


def test_nearest_come_best_first_and_contain_the_answer(knowledge: Knowledge) -> None:
    match = knowledge.lookup("where can I park my car")
    assert match.nearest[0] == match.entry
    assert match.score >= knowledge.answer_from


@pytest.mark.parametrize("question", ["", "   ", "...!?", "\x00"])
def test_nothing_said_finds_nothing(knowledge: Knowledge, question: str) -> None:
    match = knowledge.lookup(question)
    assert match.entry is None
    assert match.nearest == ()


def test_a_megabyte_is_cut_to_its_end(knowledge: Knowledge) -> None:
    assert _id(knowledge, "blah " * 200_000 + ". Where can I park my car?") == "parking"
    assert MAX_QUESTION_CHARS < 1000


def test_urgent_entries_need_less(tmp_path: Path) -> None:
    urgent = Entry("help", ("I need help now",), "Tell the nearest person.", urgent=True)
    calm = Entry("help", ("I need help now",), "Tell the nearest person.")
    embedder = tiny_embedding.write(tmp_path, [*urgent.questions, urgent.answer])
    scores = []
    for entry in (calm, urgent):
        found = Knowledge([entry], (), embedder, KnowledgeConfig(urgent_bonus=0.2))
        found.load()
        scores.append(found.lookup("help please").score)
    assert scores[1] - scores[0] == pytest.approx(0.2, abs=1e-5)


def test_many_near_misses_make_it_surer(tmp_path: Path) -> None:
    near = [f"where can I {verb} my car" for verb in ("wash", "sell", "repair", "paint", "buy", "rent")] * 10
    far = [f"{word} of the moon" for word in ("phase", "colour", "age", "size", "name", "map")] * 10
    texts = [*near, *far, *(text for entry in _ENTRIES for text in (*entry.questions, entry.answer))]
    embedder = tiny_embedding.write(tmp_path, texts)
    # Each outside question is a distinct one but for its last word.
    answers = []
    for outside in (near, far):
        found = Knowledge(_ENTRIES, [f"{text} {index}" for index, text in enumerate(outside)], embedder)
        found.load()
        answers.append(found.answer_from)
    assert answers[0] >= answers[1] >= KnowledgeConfig().answer_min


def test_an_empty_persona_knows_nothing(tmp_path: Path) -> None:
    found = Knowledge((), (), tiny_embedding.write(tmp_path, ["a"]))
    found.load()
    assert found.lookup("where can I park").entry is None


def test_before_load_there_is_a_typed_error(tmp_path: Path) -> None:
    found = Knowledge(_ENTRIES, _OUTSIDE, tiny_embedding.write(tmp_path, ["a"]))
    with pytest.raises(LLMError) as caught:
        found.lookup("where can I park")
    assert caught.value.code == "not-loaded"


def test_threads_may_share_it(knowledge: Knowledge) -> None:
    questions = [question for entry in _ENTRIES for question in entry.questions] * 20
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda question: _id(knowledge, question), questions))
    assert together == [_id(knowledge, question) for question in questions]


@pytest.fixture(scope="module")
def minilm(models: Path) -> Embedder:
    embedder = Embedder(models / "embedding" / "model.onnx", models / "embedding" / "tokenizer.json")
    embedder.load()
    return embedder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("vectors")


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", ["host", "clinic"])
def test_labelled_questions(name: str, minilm: Embedder, kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    who = persona.load(name)
    knowledge = Knowledge(who.entries, who.outside, minilm)
    started = time.monotonic()
    knowledge.load(kept)
    lines = [f"\n{name}: {len(who.entries)} entries, loaded in {time.monotonic() - started:.1f} s"]
    labelled = tomllib.loads((_QUESTIONS / f"{name}.toml").read_text(encoding="utf-8"))
    for half in ("tune", "held_out"):
        on = [(wanted, ask) for wanted, asked in labelled[half]["on_topic"].items() for ask in asked]
        off = labelled[half]["off_topic"]
        assert len(on) >= 30
        assert len(off) >= len(on) // 2
        started = time.monotonic()
        right = sum(_id(knowledge, question) == wanted for wanted, question in on)
        answered = sum(knowledge.lookup(question).entry is not None for question in off)
        each_ms = 1000 * (time.monotonic() - started) / (len(on) + len(off))
        lines.append(
            f"  {half:9} right entry {right}/{len(on)} = {right / len(on):.3f}, off topic answered "
            f"{answered}/{len(off)} = {answered / len(off):.3f}, {each_ms:.0f} ms a lookup"
        )
        assert right / len(on) >= 0.85, lines
        assert answered / len(off) <= 0.10, lines
    with capsys.disabled():
        print("\n".join(lines))


@pytest.mark.parametrize("name", ["host", "clinic"])
def test_no_labelled_question_is_a_phrasing(name: str) -> None:
    who = persona.load(name)
    known = {_words(question) for entry in who.entries for question in entry.questions}
    known |= {_words(question) for question in who.outside}
    labelled = tomllib.loads((_QUESTIONS / f"{name}.toml").read_text(encoding="utf-8"))
    for half in labelled.values():
        for question in [*half["off_topic"], *(ask for asked in half["on_topic"].values() for ask in asked)]:
            assert _words(question) not in known


@pytest.mark.slow
@pytest.mark.parametrize(
    "question",
    ["help I can't breathe", "my father collapsed", "I think she's having a stroke", "someone is bleeding a lot"],
)
def test_danger_is_understood(question: str, minilm: Embedder, kept: Path) -> None:
    who = persona.load("clinic")
    knowledge = Knowledge(who.entries, who.outside, minilm)
    knowledge.load(kept)
    entry = knowledge.lookup(question).entry
    assert entry
    assert entry.id == "emergency"


def _words(text: str) -> str:
    return " ".join("".join(char if char.isalnum() else " " for char in text.lower()).split())
