import { describe, expect, it } from "vitest";
import { toldFailure } from "./BoxNotice";
import { secondsLeft } from "./Countdown";
import { isBlank } from "./heldFrame";
import { placeWords, waitWords } from "./QueueNotice";

it("secondsLeft counts whole seconds down to none", () => {
  expect([
    secondsLeft(7000, 0),
    secondsLeft(7000, 6999),
    secondsLeft(7000, 7000),
    secondsLeft(7000, 9000),
  ]).toEqual([7, 1, 0, 0]);
});

describe("toldFailure", () => {
  it("prefers what the box says of itself now", () => {
    expect(toldFailure("box-gone", { kind: "starting", progress: 0, stages: [] })).toBe("box-starting");
    expect(toldFailure("room-lost", { kind: "gone" })).toBe("box-gone");
    expect(toldFailure("box-starting", { kind: "failed", stage: "ears" })).toBe("box-failed");
  });

  it("keeps the failure of the last try otherwise", () => {
    expect(toldFailure("agent-missing", { kind: "ready" })).toBe("agent-missing");
    expect(toldFailure("box-busy", { kind: "unknown" })).toBe("box-busy");
  });
});

it("isBlank knows the black of a stream that ended from a dark picture", () => {
  expect(isBlank(new Uint8ClampedArray([0, 0, 0, 255, 16, 16, 16, 255]))).toBe(true);
  expect(isBlank(new Uint8ClampedArray([0, 0, 0, 255, 16, 60, 16, 255]))).toBe(false);
});

describe("the queue in words", () => {
  it("names the place", () => {
    expect([placeWords(1), placeWords(2), placeWords(17)]).toEqual([
      "You are next",
      "You are number 2",
      "You are number 17",
    ]);
  });

  it.each([
    [0, "less than a minute"],
    [44_999, "less than a minute"],
    [45_000, "about 1 minute"],
    [89_999, "about 1 minute"],
    [90_000, "about 2 minutes"],
    [600_000, "about 10 minutes"],
  ])("tells %i ms in round figures", (ms, words) => {
    expect(waitWords(ms)).toBe(words);
  });
});
