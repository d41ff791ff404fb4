import { Room } from "livekit-client";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NoPlace, type Place } from "../box/token";
import { Conversation } from "./conversation";
import type { Visit, VisitListener } from "./visit";

class FakeVisit {
  readonly room = new Room();
  readonly sent: string[] = [];
  left = false;
  refuses = false;
  place: Place | null = null;

  constructor(readonly listener: VisitListener) {}

  unlockSound = () => Promise.resolve();
  send = (text: string) => Promise.resolve(void this.sent.push(text));
  leave = () => {
    this.left = true;
  };
  enter = (place: Place) => {
    this.place = place;
    return this.refuses ? Promise.reject(new Error("no server there")) : Promise.resolve();
  };
}

/** A box whose answers to the next requests for a token can be set; it gives a new token each time. */
function box() {
  const visits: FakeVisit[] = [];
  const answers: (NoPlace | "refuses the room")[] = [];
  const tickets: (string | null)[] = [];
  let tokens = 0;
  const conversation = new Conversation({
    requestPlace: (_, ticket) => {
      tokens += 1;
      tickets.push(ticket ?? null);
      const [refusal] = answers;
      if (!(refusal instanceof NoPlace))
        return Promise.resolve({ serverUrl: "ws://box", token: `token ${tokens}` });
      answers.shift();
      return Promise.reject(refusal);
    },
    visit: (listener) => {
      const visit = new FakeVisit(listener);
      visit.refuses = answers[0] === "refuses the room" && answers.shift() !== undefined;
      visits.push(visit);
      return visit as unknown as Visit;
    },
  });
  const visit = () => visits.at(-1) as FakeVisit;
  const meet = async () => {
    await vi.advanceTimersByTimeAsync(0);
    visit().listener.agent("listening");
  };
  return { conversation, visits, visit, answers, tickets, meet, state: () => conversation.read().state };
}

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

describe("start", () => {
  it("enters a room and shows it once the avatar is there", async () => {
    const { conversation, visit, meet, state } = box();
    conversation.start();
    expect(state().phase).toBe("connecting");
    await meet();
    expect(state().phase).toBe("live");
    expect(conversation.read().room).toBe(visit().room);
  });

  it("asks the touched question as soon as the avatar listens, and not before", async () => {
    const { conversation, visit, state } = box();
    conversation.start("Where is the lift?");
    await vi.advanceTimersByTimeAsync(0);
    visit().listener.agent("initializing");
    expect(visit().sent).toEqual([]);
    visit().listener.agent("listening");
    expect(visit().sent).toEqual(["Where is the lift?"]);
    expect(state().utterances.map((one) => one.text)).toEqual(["Where is the lift?"]);
  });

  it("does nothing while a conversation is under way", async () => {
    const { conversation, visits, meet } = box();
    conversation.start();
    await meet();
    conversation.start();
    expect(visits).toHaveLength(1);
  });
});

describe("a box that is busy", () => {
  it("is asked again when it said so", async () => {
    const { conversation, visits, answers, meet, state } = box();
    answers.push(new NoPlace("box-busy", 7000));
    conversation.start();
    await vi.advanceTimersByTimeAsync(6999);
    expect(state()).toMatchObject({ phase: "waiting", failure: "box-busy" });
    expect(visits).toHaveLength(1);
    await vi.advanceTimersByTimeAsync(1);
    expect(visits).toHaveLength(2);
    await meet();
    expect(state()).toMatchObject({ phase: "live", failure: null });
  });

  it("can be given up", async () => {
    const { conversation, visits, answers, state } = box();
    answers.push(new NoPlace("box-busy", 7000));
    conversation.start();
    await vi.advanceTimersByTimeAsync(10);
    conversation.reset();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(visits).toHaveLength(1);
    expect(state().phase).toBe("start");
  });
});

describe("a queue", () => {
  const queued = (place: number) =>
    new NoPlace("box-busy", 2000, {
      place,
      ticket: `ticket ${place}`,
      retryInMs: 2000,
      waitMs: 60_000 * place,
    });

  it("is stood in with the ticket, and left for the room by itself", async () => {
    const { conversation, visits, answers, tickets, meet, state } = box();
    answers.push(queued(2), queued(2), queued(1));
    conversation.start("Where is the lift?");
    await vi.advanceTimersByTimeAsync(0);
    expect(state()).toMatchObject({ phase: "waiting", queue: { place: 2, waitMs: 120_000 } });
    await vi.advanceTimersByTimeAsync(1999);
    expect(tickets).toEqual([null]);
    await vi.advanceTimersByTimeAsync(1);
    expect(tickets).toEqual([null, "ticket 2"]);
    await vi.advanceTimersByTimeAsync(2000);
    expect(state().queue?.place).toBe(1);
    await vi.advanceTimersByTimeAsync(2000);
    expect(tickets).toEqual([null, "ticket 2", "ticket 2", "ticket 1"]);
    expect(state()).toMatchObject({ phase: "connecting", queue: null, failure: null });
    await meet();
    expect(state().phase).toBe("live");
    expect(visits).toHaveLength(1);
    expect(visits[0]?.sent).toEqual(["Where is the lift?"]);
  });

  it("can be left, and is not asked about any more", async () => {
    const { conversation, answers, tickets, visit, state } = box();
    answers.push(queued(2));
    conversation.start();
    await vi.advanceTimersByTimeAsync(10);
    conversation.reset();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(tickets).toHaveLength(1);
    expect(visit().left).toBe(true);
    expect(state().phase).toBe("start");
    conversation.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(tickets).toEqual([null, null]);
  });

  it("is come back to with the same ticket when the box was away for a moment", async () => {
    const { conversation, answers, tickets, state } = box();
    answers.push(queued(3), new NoPlace("box-gone"), queued(2));
    conversation.start();
    await vi.advanceTimersByTimeAsync(2000);
    expect(state()).toMatchObject({ phase: "waiting", failure: "box-gone", queue: null });
    await vi.advanceTimersByTimeAsync(1000);
    expect(tickets).toEqual([null, "ticket 3", "ticket 3"]);
    expect(state()).toMatchObject({ failure: "box-busy", queue: { place: 2 } });
  });

  it("is not waited in for ever by nobody", async () => {
    const { conversation, answers, tickets, state } = box();
    for (let n = 0; n < 1000; n += 1) answers.push(queued(5));
    conversation.start();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(state().phase).toBe("start");
    const asked = tickets.length;
    await vi.advanceTimersByTimeAsync(600_000);
    expect(tickets).toHaveLength(asked);
  });

  it("is joined anew for the next conversation", async () => {
    const { conversation, answers, tickets, meet } = box();
    answers.push(queued(1));
    conversation.start();
    await vi.advanceTimersByTimeAsync(2000);
    await meet();
    conversation.end();
    conversation.reset();
    conversation.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(tickets).toEqual([null, "ticket 1", null]);
  });
});

it("a still face is told and untold", async () => {
  const { conversation, visit, meet, state } = box();
  conversation.start();
  await meet();
  visit().listener.still(true);
  expect(state().still).toBe(true);
  visit().listener.still(false);
  expect(state().still).toBe(false);
});

describe("a box that is gone", () => {
  it("is tried with growing pauses until the visitor has surely left", async () => {
    const { conversation, visits, answers, state } = box();
    for (let n = 0; n < 100; n += 1) answers.push(new NoPlace("box-gone"));
    conversation.start();
    await vi.advanceTimersByTimeAsync(7500);
    expect(visits).toHaveLength(4);
    await vi.advanceTimersByTimeAsync(300_000);
    expect(state().phase).toBe("start");
    const tries = visits.length;
    await vi.advanceTimersByTimeAsync(300_000);
    expect(visits).toHaveLength(tries);
  });

  it("is told when only its LiveKit server does not answer", async () => {
    const { conversation, answers, state } = box();
    answers.push("refuses the room");
    conversation.start();
    await vi.advanceTimersByTimeAsync(0);
    expect(state()).toMatchObject({ phase: "waiting", failure: "room-unreachable" });
  });
});

describe("an avatar", () => {
  it("that does not come within 20 s is called again in a new room", async () => {
    const { conversation, visits, visit, state } = box();
    conversation.start();
    await vi.advanceTimersByTimeAsync(19_999);
    expect(state().phase).toBe("connecting");
    await vi.advanceTimersByTimeAsync(1);
    expect(state()).toMatchObject({ phase: "waiting", failure: "agent-missing" });
    expect(visit().left).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(visits).toHaveLength(2);
    expect(visit().place?.token).toBe("token 2");
  });

  it("that leaves is called again", async () => {
    const { conversation, visit, meet, state } = box();
    conversation.start();
    await meet();
    visit().listener.agentLeft();
    expect(state()).toMatchObject({ phase: "waiting", failure: "agent-left" });
    await vi.advanceTimersByTimeAsync(1000);
    await meet();
    expect(state().phase).toBe("live");
  });
});

describe("a room", () => {
  it("that is lost is followed by another with a new token", async () => {
    const { conversation, visits, visit, meet, state } = box();
    conversation.start();
    await meet();
    visit().listener.over("lost");
    expect(state()).toMatchObject({ phase: "waiting", failure: "room-lost", met: true });
    await vi.advanceTimersByTimeAsync(1000);
    await meet();
    expect(visits.map((one) => one.place?.token)).toEqual(["token 1", "token 2"]);
    expect(visits[0]?.left).toBe(true);
  });

  it("whose connection is not mended within 12 s is given up", async () => {
    const { conversation, visit, meet, state } = box();
    conversation.start();
    await meet();
    visit().listener.connection("reconnecting");
    await vi.advanceTimersByTimeAsync(11_999);
    expect(state()).toMatchObject({ phase: "live", reconnecting: true });
    await vi.advanceTimersByTimeAsync(1);
    expect(state()).toMatchObject({ phase: "waiting", failure: "room-lost" });
  });

  it("whose connection is mended goes on", async () => {
    const { conversation, visit, meet, state } = box();
    conversation.start();
    await meet();
    visit().listener.connection("reconnecting");
    visit().listener.connection("reconnected");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state()).toMatchObject({ phase: "live", reconnecting: false });
  });

  it("that the box ends says thank you", async () => {
    const { conversation, visit, meet, state } = box();
    conversation.start();
    await meet();
    visit().listener.over("dismissed");
    expect(state().phase).toBe("ended");
  });

  it("that was left has no say any more", async () => {
    const { conversation, visit, meet, state } = box();
    conversation.start();
    await meet();
    const old = visit();
    conversation.end();
    old.listener.over("lost");
    old.listener.agent("speaking");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(state().phase).toBe("ended");
    expect(old.left).toBe(true);
  });
});

it("a message that cannot be sent is told", async () => {
  const { conversation, visit, meet, state } = box();
  conversation.start();
  await meet();
  visit().send = () => Promise.reject(new Error("no channel"));
  conversation.send("Hello");
  await vi.advanceTimersByTimeAsync(0);
  expect(state().trouble).toBe("message-unsent");
});
