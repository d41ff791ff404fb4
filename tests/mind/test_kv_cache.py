from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.engine import SessionId
from appliance.mind.kv_cache import NOBODY, KVCache, Sequence
from appliance.mind.vocabulary import Prompt

A, B, C = SessionId("a"), SessionId("b"), SessionId("c")


class Cells:
    """llama.cpp's cells: a cell is free when no sequence holds it any more."""

    def __init__(self) -> None:
        self.held: dict[int, list[object]] = {}

    def share(self, source: int, target: int, n_tokens: int) -> None:
        assert not self.held.get(target), "copied over what is there"
        assert len(self.held[source]) >= n_tokens
        self.held[target] = list(self.held[source][:n_tokens])

    def truncate(self, sequence: int, n_tokens: int) -> None:
        self.held[sequence] = self.held.get(sequence, [])[:n_tokens]

    def append(self, sequence: int, n_tokens: int) -> None:
        self.held.setdefault(sequence, []).extend(object() for _ in range(n_tokens))

    @property
    def used(self) -> int:
        return len({id(cell) for cells in self.held.values() for cell in cells})


def _cache(n_sequences: int = 3, n_cells: int = 100, n_heads: int = 2) -> tuple[KVCache, Cells]:
    cells = Cells()
    return KVCache(cells, n_sequences=n_sequences, n_heads=n_heads, n_cells=n_cells), cells


def _prompt(head: str, rest: str) -> Prompt:
    return Prompt(tuple(ord(c) for c in head + rest), len(head))


def _read(cache: KVCache, cells: Cells, sequence: Sequence, tokens: Iterable[int]) -> None:
    tokens = tuple(tokens)
    cells.append(sequence.id, len(tokens))
    cache.add(sequence, tokens)


def _ask(cache: KVCache, cells: Cells, session: SessionId, prompt: Prompt, reply: str = "r") -> int:
    """A whole request; how many tokens of the prompt were known."""
    sequence = cache.place(session, prompt, len(reply))
    assert sequence is not None
    known = len(sequence.tokens)
    _read(cache, cells, sequence, prompt.tokens[known:])
    _read(cache, cells, sequence, (ord(c) for c in reply))
    cache.done(sequence)
    return known


def test_next_turn_reads_only_what_is_new() -> None:
    cache, cells = _cache()
    assert _ask(cache, cells, A, _prompt("SYS", "one"), "re") == 0
    assert _ask(cache, cells, A, _prompt("SYS", "onere|two")) == 8


def test_a_reply_that_was_cut_is_known_up_to_the_cut() -> None:
    cache, cells = _cache()
    _ask(cache, cells, A, _prompt("SYS", "one"), "reply")
    assert _ask(cache, cells, A, _prompt("SYS", "onerep|two")) == 9


def test_one_token_is_always_left_to_read() -> None:
    cache, cells = _cache()
    _ask(cache, cells, A, _prompt("SYS", "one"))
    assert _ask(cache, cells, A, _prompt("SYS", "one")) == 5


def test_system_prompt_is_shared_between_sessions_and_nothing_else_is() -> None:
    cache, cells = _cache()
    _ask(cache, cells, A, _prompt("SYSTEM", "my secret"))
    before = cells.used
    assert _ask(cache, cells, B, _prompt("SYSTEM", "my secret")) == 6
    assert cells.used - before == len("my secret") + 1


def test_second_visitor_waits_for_a_system_prompt_that_is_being_read() -> None:
    cache, cells = _cache()
    prompt = _prompt("SYSTEM", "hello")
    first = cache.place(A, prompt, 4)
    assert first is not None
    assert cache.place(B, prompt, 4) is None
    _read(cache, cells, first, prompt.tokens)
    second = cache.place(B, prompt, 4)
    assert second is not None
    assert len(second.tokens) == 6


def test_second_visitor_reads_it_himself_when_the_first_has_gone() -> None:
    cache, _ = _cache()
    prompt = _prompt("SYSTEM", "hello")
    first = cache.place(A, prompt, 4)
    assert first is not None
    cache.done(first)
    assert cache.place(B, prompt, 4) is not None


def test_request_beside_a_running_one_of_its_session_takes_over_what_that_knows() -> None:
    cache, cells = _cache()
    running = cache.place(A, _prompt("", "hello there"), 8)
    assert running is not None
    _read(cache, cells, running, _prompt("", "hello there").tokens)
    again = cache.place(A, _prompt("", "hello thing"), 8)
    assert again is not None
    assert again is not running
    assert bytes(again.tokens) == b"hello th"
    cache.done(again)
    cache.done(running)
    assert [s.session for s in cache.sequences].count(A) == 1


def test_the_longest_unused_conversation_makes_room() -> None:
    cache, cells = _cache(n_sequences=2)
    _ask(cache, cells, A, _prompt("", "aaaa"))
    _ask(cache, cells, B, _prompt("", "bbbb"))
    _ask(cache, cells, A, _prompt("", "aaaar|a"))
    assert _ask(cache, cells, C, _prompt("", "cccc")) == 0
    assert {s.session for s in cache.sequences} == {A, C}


def test_idle_conversations_make_room_for_cells_too() -> None:
    cache, cells = _cache(n_cells=50)
    _ask(cache, cells, A, _prompt("", "a" * 20))
    _ask(cache, cells, B, _prompt("", "b" * 20))
    _ask(cache, cells, C, _prompt("", "c" * 20))
    assert {s.session for s in cache.sequences} == {NOBODY, B, C}
    assert cells.used <= 50


def test_a_request_waits_while_running_ones_hold_the_cells() -> None:
    cache, _ = _cache(n_cells=50)
    first = cache.place(A, _prompt("", "a" * 20), 10)
    assert first is not None
    assert cache.place(B, _prompt("", "b" * 20), 10) is None
    cache.done(first)
    assert cache.place(B, _prompt("", "b" * 20), 10) is not None


def test_a_request_waits_for_a_free_sequence() -> None:
    cache, _ = _cache(n_sequences=1)
    first = cache.place(A, _prompt("", "a"), 1)
    assert first is not None
    assert cache.place(B, _prompt("", "b"), 1) is None


def test_a_head_that_someone_shares_is_never_dropped() -> None:
    cache, cells = _cache(n_heads=1)
    _ask(cache, cells, A, _prompt("ONE", "a"))
    _ask(cache, cells, B, _prompt("TWO", "b"))
    assert cache.heads[0].tokens == tuple(b"ONE")
    cache.release(A)
    _ask(cache, cells, C, _prompt("TWO", "c"))
    assert cache.heads[0].tokens == tuple(b"TWO")


def test_release_frees_every_cell_but_the_head() -> None:
    cache, cells = _cache()
    _ask(cache, cells, A, _prompt("SYS", "one"))
    cache.release(A)
    assert cells.used == 3
    assert cache.cells_used == 3


def test_release_of_a_running_request_frees_it_when_it_ends() -> None:
    cache, cells = _cache()
    running = cache.place(A, _prompt("", "hello"), 4)
    assert running is not None
    _read(cache, cells, running, b"hello")
    cache.release(A)
    assert cells.used == 5
    cache.done(running)
    assert cells.used == 0


def test_nobody_keeps_nothing() -> None:
    cache, cells = _cache()
    _ask(cache, cells, NOBODY, _prompt("", "hello"))
    assert cells.used == 0
    assert _ask(cache, cells, NOBODY, _prompt("", "hello")) == 0


_turn = st.tuples(st.sampled_from("abcd"), st.sampled_from(["", "SYS", "TWO", "THREE"]), st.text("xy", max_size=30))
_steps = st.lists(st.tuples(st.sampled_from(["begin", "end", "release"]), _turn, st.integers(0, 30)), max_size=40)


@given(_steps)
@settings(max_examples=200, deadline=None)
def test_never_more_cells_than_there_are_and_always_the_right_ones(
    steps: list[tuple[str, tuple[str, str, str], int]],
) -> None:
    cache, cells = _cache(n_sequences=3, n_cells=90)
    running: list[Sequence] = []
    for step, (name, head, text), number in steps:
        if step == "begin":
            prompt = _prompt(head, text + "|")
            sequence = cache.place(SessionId(name), prompt, number)
            if sequence is not None:
                assert tuple(sequence.tokens) == prompt.tokens[: len(sequence.tokens)]
                _read(cache, cells, sequence, prompt.tokens[len(sequence.tokens) :])
                _read(cache, cells, sequence, range(number))
                running.append(sequence)
        elif step == "end" and running:
            cache.done(running.pop(number % len(running)))
        elif step == "release":
            cache.release(SessionId(name))
        held = {s.id: len(s.tokens) for s in cache.sequences} | {h.id: len(h.tokens) for h in cache.heads}
        assert {i: len(c) for i, c in cells.held.items() if c} == {i: n for i, n in held.items() if n}
        assert cells.used <= cache.cells_used <= 90
    for sequence in running:
        cache.done(sequence)
    assert cache.place(A, _prompt("", "z" * 80), 10) is not None, "there is always room in the end"
