/** The visitor's conversation from the first touch to thank you: tries, waits, tries again, and tells the screens. */

import { Room } from "livekit-client";
import { NoPlace, type Place, requestPlace } from "../box/token";
import type { RoomEnd } from "../failures/disconnect";
import type { BoxFailure } from "../failures/failure";
import { backoffMs } from "./backoff";
import { openMicrophone } from "./microphone";
import { reduce } from "./reduce";
import { type AgentState, type ConversationEvent, type ConversationState, INITIAL } from "./state";
import { Visit, type VisitListener } from "./visit";

/** An avatar that is not in the room by then does not come. */
const AGENT_WITHIN_MS = 20_000;
/** LiveKit mends a connection in about a second or not at all; after this a new room is quicker. */
const MENDED_WITHIN_MS = 12_000;

/** What a conversation is made of; tests put other parts in. */
export interface Parts {
  requestPlace: typeof requestPlace;
  visit: (listener: VisitListener) => Visit;
}

const REAL: Parts = { requestPlace, visit: (listener) => new Visit(listener, openMicrophone) };

export interface Snapshot {
  state: ConversationState;
  /** The room to show and hear: the last one while the next is being entered, an empty one between conversations. */
  room: Room;
}

export class Conversation {
  private readonly nowhere = new Room();
  private snapshot: Snapshot = { state: INITIAL, room: this.nowhere };
  private readonly subscribers = new Set<() => void>();
  private visit: Visit | null = null;
  private attempt = new AbortController();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Typed before the avatar was there. */
  private outbox: string[] = [];
  private typed = 0;
  /** Keeps our place in the box's queue. */
  private ticket: string | null = null;

  constructor(private readonly parts: Parts = REAL) {}

  readonly subscribe = (subscriber: () => void): (() => void) => {
    this.subscribers.add(subscriber);
    return () => this.subscribers.delete(subscriber);
  };

  readonly read = (): Snapshot => this.snapshot;

  /**
   * Begin. Must be called while the visitor's touch is being handled, so that the browser lets the voice be heard.
   *
   * @param question sent for the visitor as soon as the avatar listens
   */
  start(question?: string): void {
    if (this.snapshot.state.phase !== "start") return;
    this.outbox = [];
    this.ticket = null;
    this.apply({ kind: "started", nowMs: Date.now() });
    if (question) this.send(question);
    this.try();
  }

  /** Do not wait for the next try. */
  retryNow(): void {
    if (this.snapshot.state.phase === "waiting") this.try();
  }

  end(): void {
    this.drop();
    this.outbox = [];
    this.apply({ kind: "ended" }, this.nowhere);
  }

  /** From thank you, or from a wait that the visitor gives up, back to the start. */
  reset(): void {
    this.drop();
    this.outbox = [];
    this.apply({ kind: "reset" }, this.nowhere);
  }

  send(text: string): void {
    this.typed += 1;
    const utterance = { id: `typed-${this.typed}`, speaker: "visitor", text, final: true } as const;
    this.apply({ kind: "utterance", utterance });
    this.outbox.push(text);
    this.flush();
  }

  toggleMute(): void {
    const { microphone } = this.snapshot.state;
    if (microphone === "on" || microphone === "muted") void this.visit?.mute(microphone === "on");
  }

  retryMicrophone(): void {
    void this.visit?.offerMicrophone();
  }

  readMicrophoneNotice(): void {
    this.apply({ kind: "microphone-notice-read" });
  }

  async unlockSound(): Promise<void> {
    await this.visit?.unlockSound();
  }

  forgetTrouble(): void {
    this.apply({ kind: "trouble", code: null });
  }

  private try(): void {
    this.drop();
    const attempt = new AbortController();
    this.attempt = attempt;
    const visit = this.parts.visit(this.listener(attempt.signal));
    this.visit = visit;
    void visit.unlockSound();
    this.apply({ kind: "trying" });
    void this.enter(visit, attempt.signal);
  }

  private async enter(visit: Visit, signal: AbortSignal): Promise<void> {
    const givenUp = () => signal.aborted;
    try {
      const place = await this.turn(signal);
      if (place === null || givenUp()) return;
      this.ticket = null;
      this.apply({ kind: "admitted" });
      await visit.enter(place);
    } catch (error) {
      if (givenUp()) return;
      return error instanceof NoPlace
        ? this.fail(error.failure, error.retryInMs)
        : this.fail("room-unreachable", null);
    }
    if (givenUp()) return;
    this.apply({ kind: "entered" }, visit.room);
    this.awaitAgent();
  }

  /** A place for us: at once, or when it is our turn; null when we have given up. */
  private async turn(signal: AbortSignal): Promise<Place | null> {
    const givenUp = () => signal.aborted;
    while (!givenUp()) {
      try {
        return await this.parts.requestPlace(signal, this.ticket);
      } catch (error) {
        if (!(error instanceof NoPlace) || error.queue === null) throw error;
        if (givenUp()) return null;
        const { place, ticket, retryInMs, waitMs } = error.queue;
        this.ticket = ticket;
        this.apply({ kind: "queued", queue: { place, waitMs }, nowMs: Date.now() });
        if (this.snapshot.state.phase !== "waiting") {
          this.reset();
          return null;
        }
        await pause(retryInMs, signal);
      }
    }
    return null;
  }

  private awaitAgent(): void {
    if (this.snapshot.state.phase === "live") return;
    this.failAfter(AGENT_WITHIN_MS, "agent-missing");
  }

  private mend(kind: "reconnecting" | "reconnected"): void {
    this.apply({ kind });
    clearTimeout(this.timer);
    if (kind === "reconnecting") this.failAfter(MENDED_WITHIN_MS, "room-lost");
    else this.awaitAgent();
  }

  private failAfter(ms: number, code: BoxFailure): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fail(code, null), ms);
  }

  private listener(signal: AbortSignal): VisitListener {
    const whileHere = (act: () => void) => {
      if (!signal.aborted) act();
    };
    return {
      agent: (state) => whileHere(() => this.meet(state)),
      still: (still) => whileHere(() => this.apply({ kind: "still", still })),
      agentLeft: () => whileHere(() => this.fail("agent-left", null)),
      connection: (kind) => whileHere(() => this.mend(kind)),
      microphone: (microphone) => whileHere(() => this.apply({ kind: "microphone", microphone })),
      utterance: (utterance) => whileHere(() => this.apply({ kind: "utterance", utterance })),
      soundBlocked: (blocked) =>
        whileHere(() => this.apply({ kind: "trouble", code: blocked ? "sound-blocked" : null })),
      over: (end) => whileHere(() => this.leftRoom(end)),
    };
  }

  private meet(state: AgentState): void {
    clearTimeout(this.timer);
    this.apply({ kind: "agent", state }, this.visit?.room);
    this.flush();
  }

  private leftRoom(end: RoomEnd): void {
    if (end === "dismissed") this.end();
    else if (end === "lost") this.fail("room-lost", null);
  }

  private fail(code: BoxFailure, retryInMs: number | null): void {
    this.drop();
    const wait = retryInMs ?? backoffMs(this.snapshot.state.failures + 1, Math.random());
    this.apply({ kind: "failed", code, retryInMs: wait, nowMs: Date.now() });
    if (this.snapshot.state.phase === "waiting") this.timer = setTimeout(() => this.try(), wait);
    else this.reset();
  }

  /** Give up the room and every timer and callback that belongs to it. */
  private drop(): void {
    this.attempt.abort();
    clearTimeout(this.timer);
    this.visit?.leave();
    this.visit = null;
  }

  /** An avatar that is still starting does not read messages yet. */
  private flush(): void {
    const { phase, agent } = this.snapshot.state;
    if (phase !== "live" || agent === "initializing" || agent === "absent" || this.visit === null) return;
    for (const text of this.outbox.splice(0)) {
      this.visit.send(text).catch(() => this.apply({ kind: "trouble", code: "message-unsent" }));
    }
  }

  private apply(event: ConversationEvent, room: Room = this.snapshot.room): void {
    const state = reduce(this.snapshot.state, event);
    if (state === this.snapshot.state && room === this.snapshot.room) return;
    this.snapshot = { state, room };
    for (const subscriber of this.subscribers) subscriber();
  }
}

/** Ends early, and quietly, when the signal is given. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      done();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
