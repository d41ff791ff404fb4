import { describe, expect, it } from "vitest";
import { closed, type Utterance, visible, withUtterance } from "./utterances";

const said = (id: string, text: string, final = true): Utterance => ({ id, speaker: "avatar", text, final });

describe("withUtterance", () => {
  it("lets an utterance grow in its place", () => {
    const first = withUtterance([said("a", "Good", false), said("b", "Hello")], said("a", "Good morning"));
    expect(first.map((one) => one.text)).toEqual(["Good morning", "Hello"]);
  });

  it("adds a new one at the end, but not an empty one", () => {
    expect(withUtterance([said("a", "one")], said("b", "two"))).toHaveLength(2);
    expect(withUtterance([said("a", "one")], said("b", "  ", false))).toHaveLength(1);
  });

  it("does not grow without end", () => {
    let all: Utterance[] = [];
    for (let n = 0; n < 100; n += 1) all = withUtterance(all, said(`${n}`, `text ${n}`));
    expect(all).toHaveLength(12);
    expect(all.at(-1)?.text).toBe("text 99");
  });
});

it("closed ends every open utterance", () => {
  expect(closed([said("a", "one", false), said("b", "two")]).every((one) => one.final)).toBe(true);
});

it("visible shows the last few that have words", () => {
  const all = [said("a", "one"), said("b", "two"), said("c", " "), said("d", "four")];
  expect(visible(all, 2).map((one) => one.text)).toEqual(["two", "four"]);
});
