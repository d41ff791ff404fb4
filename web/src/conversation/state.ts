/** Where a conversation stands. Plain values: reduce.ts changes them, the screens show them. */

import type { BoxFailure, FailureCode, MicrophoneFailure } from "../failures/failure";
import type { Utterance } from "./utterances";

/**
 * start       nobody is talking; the start button waits
 * connecting  a token is asked for, the room is entered, the avatar is on its way
 * waiting     a try failed; the next one comes at `retryAtMs`
 * live        the avatar is in the room
 * ended       thank you
 */
export type Phase = "start" | "connecting" | "waiting" | "live" | "ended";

/** The values of the participant attribute `lk.agent.state`, and `absent` before there is one. */
export type AgentState = "absent" | "initializing" | "idle" | "listening" | "thinking" | "speaking";

export type Microphone = "off" | "asking" | "unanswered" | "on" | "muted" | MicrophoneFailure;

export interface ConversationState {
  phase: Phase;
  /** What stopped the last try; stays until the avatar is there. */
  failure: BoxFailure | null;
  /** When the next try begins, in milliseconds of the page's clock. */
  retryAtMs: number | null;
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
  failures: 0,
  waitingSinceMs: null,
  silentRejoins: 0,
  reconnecting: false,
  met: false,
  agent: "absent",
  microphone: "off",
  microphoneNoticeRead: false,
  trouble: null,
  utterances: [],
};

export type ConversationEvent =
  | { kind: "started"; nowMs: number }
  | { kind: "trying" }
  | { kind: "entered" }
  | { kind: "failed"; code: BoxFailure; retryInMs: number; nowMs: number }
  | { kind: "agent"; state: AgentState }
  | { kind: "reconnecting" }
  | { kind: "reconnected" }
  | { kind: "microphone"; microphone: Microphone }
  | { kind: "microphone-notice-read" }
  | { kind: "trouble"; code: ConversationState["trouble"] }
  | { kind: "utterance"; utterance: Utterance }
  | { kind: "ended" }
  | { kind: "reset" };
