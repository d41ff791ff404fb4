/** Where a conversation stands. Plain values: reduce.ts changes them, the screens show them. */

import type { BoxFailure, FailureCode, MicrophoneFailure } from "../failures/failure";
import type { Utterance } from "./utterances";

/**
 * start       nobody is talking; the start button waits
 * connecting  a token is asked for, the room is entered, the avatar is on its way
 * waiting     a try failed, the next one comes at `retryAtMs`; or we stand in the queue
 * live        the avatar is in the room
 * ended       thank you
 */
export type Phase = "start" | "connecting" | "waiting" | "live" | "ended";

/** Where we stand in the queue of a box whose places are all taken. */
export interface InQueue {
  /** 1 is next. */
  place: number;
  /** Milliseconds until it is probably our turn. */
  waitMs: number;
}

/** The values of the participant attribute `lk.agent.state`, and `absent` before there is one. */
export type AgentState = "absent" | "initializing" | "idle" | "listening" | "thinking" | "speaking";

export type Microphone = "off" | "asking" | "unanswered" | "on" | "muted" | MicrophoneFailure;

export interface ConversationState {
  phase: Phase;
  /** What stopped the last try; stays until the avatar is there. */
  failure: BoxFailure | null;
  /** When the next try begins, in milliseconds of the page's clock. */
  retryAtMs: number | null;
  /** Our place in the queue, told anew every few seconds; null where we stand in none. */
  queue: InQueue | null;
  /** Tries that failed in a row. */
  failures: number;
  /** Since when the visitor has been without the avatar; null while it is there. */
  waitingSinceMs: number | null;
  /** Rooms entered again in a row without a word from the visitor. */
  silentRejoins: number;
  /** True while LiveKit mends the connection to the room by itself. */
  reconnecting: boolean;
  /** True once the avatar has been there in this conversation. */
  met: boolean;
  agent: AgentState;
  /** True while the box has no time to draw the face, and sends one picture beside the voice. */
  still: boolean;
  microphone: Microphone;
  /** True when the visitor has read a notice about the microphone and put it away. */
  microphoneNoticeRead: boolean;
  /** A passing trouble that stops nothing. */
  trouble: Extract<FailureCode, "sound-blocked" | "message-unsent"> | null;
  utterances: readonly Utterance[];
}

export const INITIAL: ConversationState = {
  phase: "start",
  failure: null,
  retryAtMs: null,
  queue: null,
  failures: 0,
  waitingSinceMs: null,
  silentRejoins: 0,
  reconnecting: false,
  met: false,
  agent: "absent",
  still: false,
  microphone: "off",
  microphoneNoticeRead: false,
  trouble: null,
  utterances: [],
};

export type ConversationEvent =
  | { kind: "started"; nowMs: number }
  | { kind: "trying" }
  | { kind: "admitted" }
  | { kind: "entered" }
  | { kind: "failed"; code: BoxFailure; retryInMs: number; nowMs: number }
  | { kind: "queued"; queue: InQueue; nowMs: number }
  | { kind: "agent"; state: AgentState }
  | { kind: "still"; still: boolean }
  | { kind: "reconnecting" }
  | { kind: "reconnected" }
  | { kind: "microphone"; microphone: Microphone }
  | { kind: "microphone-notice-read" }
  | { kind: "trouble"; code: ConversationState["trouble"] }
  | { kind: "utterance"; utterance: Utterance }
  | { kind: "ended" }
  | { kind: "reset" };
