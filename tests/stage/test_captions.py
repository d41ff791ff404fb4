"""Captions come when they are heard, and what was heard of a reply is known to the word."""

from __future__ import annotations

import asyncio

from livekit.agents.types import TimedString
from livekit.agents.voice import io

from appliance.stage.captions import Captions


class Page(io.TextOutput):
    """Notes what arrives; a reply's end is a bar."""

    def __init__(self) -> None:
        super().__init__(label="page", next_in_chain=None)
        self.seen: list[str] = []

    async def capture_text(self, text: str) -> None:
        self.seen.append(text)

    def flush(self) -> None:
        self.seen.append("|")


async def _say(captions: Captions, *words: tuple[str, float, float]) -> None:
    for text, start_s, end_s in words:
        await captions.capture_text(TimedString(text, start_time=start_s, end_time=end_s))
    captions.flush()


REPLY = (("We ", 0.02, 0.2), ("open ", 0.2, 0.6), ("at nine.", 0.6, 1.2))


async def test_each_word_comes_when_it_begins_to_be_heard() -> None:
    page = Page()
    captions = Captions(page)
    await _say(captions, *REPLY)
    for position_s, expected in ((0.0, ""), (0.04, "We "), (0.19, "We "), (0.2, "We open ")):
        captions.reach(position_s)
        await asyncio.sleep(0)
        assert "".join(page.seen) == expected
    assert captions.end(1.2, interrupted=False) == "We open at nine."
    await asyncio.sleep(0)
    assert "".join(page.seen) == "We open at nine.|"
    await captions.aclose()


async def test_of_an_interrupted_reply_only_what_was_heard_is_remembered_and_the_next_begins_anew() -> None:
    page = Page()
    captions = Captions(page)
    await _say(captions, *REPLY)
    captions.reach(0.5)
    assert captions.end(0.45, interrupted=True) == "We open "
    await _say(captions, ("Yes.", 0.0, 0.4))
    assert captions.end(0.4, interrupted=False) == "Yes."
    await asyncio.sleep(0)
    assert page.seen == ["We ", "open ", "|", "Yes.", "|"]
    await captions.aclose()


async def test_a_reply_that_was_never_heard_leaves_nothing_behind() -> None:
    captions = Captions(Page())
    await _say(captions, *REPLY)
    await _say(captions, ("Yes.", 0.0, 0.4))
    assert captions.end(0.4, interrupted=False) == "Yes."
    await captions.aclose()


async def test_words_without_times_go_with_the_ones_before() -> None:
    page = Page()
    captions = Captions(page)
    await captions.capture_text(TimedString("Nine ", start_time=0.0, end_time=0.5))
    await captions.capture_text("o'clock.")
    captions.reach(0.3)
    await asyncio.sleep(0)
    assert page.seen == ["Nine "]
    captions.reach(0.5)
    await asyncio.sleep(0)
    assert page.seen == ["Nine ", "o'clock."]
    await captions.aclose()
