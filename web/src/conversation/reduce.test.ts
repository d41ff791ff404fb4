import { describe, expect, it } from "vitest";
import { PATIENCE_MS, QUEUE_PATIENCE_MS, reduce, SILENT_REJOINS } from "./reduce";
import { type ConversationEvent, type ConversationState, INITIAL } from "./state";

const run = (events: ConversationEvent[], from: ConversationState = INITIAL) => events.reduce(reduce, from);
const started: ConversationEvent = { kind: "started", nowMs: 0 };
const met: ConversationEvent = { kind: "agent", state: "listening" };
const lost = (nowMs: number): ConversationEvent => ({
  kind: "failed",
  code: "room-lost",
  retryInMs: 1000,
  nowMs,
});
const said = (speaker: "visitor" | "avatar", final = true): ConversationEvent => ({
  kind: "utterance",
  utterance: { id: speaker, speaker, text: "words", final },
});

describe("a conversation", () => {
  it("goes from the start to live when the avatar comes", () => {
    expect(run([started]).phase).toBe("connecting");
    expect(run([started, met])).toMatchObject({
      phase: "live",
      agent: "listening",
      met: true,
      failure: null,
    });
  });

  it("begins without anything of the one before", () => {
    const over = run([started, met, said("visitor"), { kind: "ended" }]);
    expect(over).toEqual({ ...INITIAL, phase: "ended" });
    expect(run([{ kind: "reset" }, { kind: "started", nowMs: 5 }], over).utterances).toEqual([]);
  });

  it("is not brought back by what comes late", () => {
    const over = run([started, met, { kind: "ended" }]);
    const late: ConversationEvent[] = [
      met,
      lost(1),
      said("avatar"),
      { kind: "microphone", microphone: "on" },
    ];
    for (const event of late) {
      expect(reduce(over, event)).toBe(over);
      expect(reduce(INITIAL, event)).toBe(INITIAL);
    }
  });
});

describe("a failure", () => {
  it("waits for the next try and counts", () => {
    const once = run([started, { kind: "failed", code: "box-busy", retryInMs: 7000, nowMs: 100 }]);
    expect(once).toMatchObject({ phase: "waiting", failure: "box-busy", retryAtMs: 7100, failures: 1 });
    const trying = reduce(once, { kind: "trying" });
    expect(trying).toMatchObject({ phase: "connecting", failure: "box-busy", retryAtMs: null });
    expect(reduce(trying, lost(8000)).failures).toBe(2);
  });

  it("is forgotten when the avatar is there, and the captions stay", () => {
    const back = run([started, met, said("visitor"), lost(10), { kind: "trying" }, met]);
    expect(back).toMatchObject({
      phase: "live",
      failure: null,
      failures: 0,
      retryAtMs: null,
      waitingSinceMs: null,
    });
    expect(back.utterances).toHaveLength(1);
  });

  it("closes a sentence that was being spoken", () => {
    expect(run([started, met, said("avatar", false), lost(10)]).utterances[0]?.final).toBe(true);
  });

  it("gives back the microphone's state with the room", () => {
    const state = run([started, met, { kind: "microphone", microphone: "on" }, lost(10)]);
    expect(state.microphone).toBe("off");
  });

  it("goes back to the start when the visitor has surely left", () => {
    const waiting = run([started, met, lost(1000), { kind: "trying" }, lost(1000 + PATIENCE_MS - 1)]);
    expect(waiting.phase).toBe("waiting");
    expect(run([{ kind: "trying" }, lost(1000 + PATIENCE_MS)], waiting)).toEqual(INITIAL);
  });
});

describe("the queue", () => {
  const queued = (place: number, nowMs: number): ConversationEvent => ({
    kind: "queued",
    queue: { place, waitMs: 60_000 },
    nowMs,
  });

  it("is stood in until the turn comes", () => {
    const second = run([started, queued(2, 10)]);
    expect(second).toMatchObject({ phase: "waiting", failure: "box-busy", retryAtMs: null, failures: 0 });
    expect(second.queue?.place).toBe(2);
    const first = reduce(second, queued(1, 2010));
    expect(first.queue?.place).toBe(1);
    expect(reduce(first, { kind: "admitted" })).toMatchObject({
      phase: "connecting",
      failure: null,
      queue: null,
    });
    expect(run([{ kind: "admitted" }, met], first)).toMatchObject({ phase: "live", queue: null });
  });

  it("stays on the screen while the box is asked from anew", () => {
    expect(run([started, queued(2, 10), { kind: "trying" }])).toMatchObject({
      phase: "waiting",
      queue: { place: 2 },
    });
  });

  it("is not told any more when something else is in the way", () => {
    expect(run([started, queued(2, 10), lost(20)])).toMatchObject({ failure: "room-lost", queue: null });
  });

  it("is waited in longer than a box that says nothing, but not for ever", () => {
    const waiting = run([started, queued(9, 1), queued(8, PATIENCE_MS * 2)]);
    expect(waiting.phase).toBe("waiting");
    expect(reduce(waiting, queued(7, QUEUE_PATIENCE_MS))).toEqual(INITIAL);
  });

  it("is no matter to somebody who is let in at once", () => {
    const connecting = run([started, { kind: "admitted" }]);
    expect(connecting).toMatchObject({ phase: "connecting", queue: null });
  });
});

it("a still face is forgotten with its room", () => {
  const still = run([started, met, { kind: "still", still: true }]);
  expect(still.still).toBe(true);
  expect(reduce(still, { kind: "still", still: false }).still).toBe(false);
  expect(reduce(still, lost(10)).still).toBe(false);
});

describe("a room that is lost while nobody speaks", () => {
  const again = (state: ConversationState) => run([lost(10), { kind: "trying" }, met], state);

  it("is entered again three times, then the page goes back to the start", () => {
    let state = run([started, met]);
    for (let n = 0; n < SILENT_REJOINS; n += 1) {
      state = again(state);
      expect(state.phase).toBe("live");
    }
    expect(reduce(state, lost(10))).toEqual(INITIAL);
  });

  it("counts anew once the visitor has said something", () => {
    let state = run([started, met]);
    for (let n = 0; n < SILENT_REJOINS; n += 1) state = again(state);
    expect(again(reduce(state, said("visitor"))).phase).toBe("live");
  });
});

describe("the microphone", () => {
  it("shows its notice again when its state changes", () => {
    const read = run([
      started,
      { kind: "microphone", microphone: "microphone-denied" },
      { kind: "microphone-notice-read" },
    ]);
    expect(read.microphoneNoticeRead).toBe(true);
    expect(reduce(read, { kind: "microphone", microphone: "microphone-missing" }).microphoneNoticeRead).toBe(
      false,
    );
  });

  it("does not stop the conversation when it fails", () => {
    expect(run([started, { kind: "microphone", microphone: "microphone-missing" }, met]).phase).toBe("live");
  });
});

it("a connection that is being mended keeps the conversation", () => {
  const mending = run([started, met, { kind: "reconnecting" }]);
  expect(mending).toMatchObject({ phase: "live", reconnecting: true });
  expect(reduce(mending, { kind: "reconnected" }).reconnecting).toBe(false);
});
