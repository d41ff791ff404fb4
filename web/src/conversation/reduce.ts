/** How a conversation moves from one state to the next. No clock, no network: time comes with the event. */

import type { BoxFailure } from "../failures/failure";
import { type ConversationEvent, type ConversationState, type InQueue, INITIAL } from "./state";
import { closed, withUtterance } from "./utterances";

/** After this long without the avatar the visitor has surely left, and the next one must not find an open line. */
export const PATIENCE_MS = 120_000;
/** Somebody in the queue sees it move, and waits longer. */
export const QUEUE_PATIENCE_MS = 900_000;
/** A room that is lost again and again while nobody speaks is not entered a fourth time. */
export const SILENT_REJOINS = 3;

export function reduce(state: ConversationState, event: ConversationEvent): ConversationState {
  switch (event.kind) {
    case "started":
      return { ...INITIAL, phase: "connecting", waitingSinceMs: event.nowMs };
    case "reset":
      return INITIAL;
    case "ended":
      return { ...INITIAL, phase: "ended" };
    default:
      // A callback that comes late must not bring back a conversation that is over.
      return state.phase === "start" || state.phase === "ended" ? state : within(state, event);
  }
}

type InnerEvent = Exclude<ConversationEvent, { kind: "started" | "reset" | "ended" }>;

function within(state: ConversationState, event: InnerEvent): ConversationState {
  switch (event.kind) {
    case "trying":
      // The queue stays on the screen until the box has answered again.
      return {
        ...state,
        phase: state.queue === null ? "connecting" : "waiting",
        retryAtMs: null,
        agent: "absent",
        still: false,
        reconnecting: false,
      };
    case "entered":
      return { ...state, reconnecting: false };
    case "admitted":
      return admitted(state);
    case "failed":
      return failed(state, event.code, event.retryInMs, event.nowMs);
    case "queued":
      return queued(state, event.queue, event.nowMs);
    case "agent":
      return event.state === "absent" ? { ...state, agent: "absent" } : arrived(state, event.state);
    case "still":
      return { ...state, still: event.still };
    case "reconnecting":
      return { ...state, reconnecting: true };
    case "reconnected":
      return { ...state, reconnecting: false };
    case "microphone":
      return { ...state, microphone: event.microphone, microphoneNoticeRead: false };
    case "microphone-notice-read":
      return { ...state, microphoneNoticeRead: true };
    case "trouble":
      return { ...state, trouble: event.code };
    case "utterance": {
      const silentRejoins = event.utterance.speaker === "visitor" ? 0 : state.silentRejoins;
      return { ...state, silentRejoins, utterances: withUtterance(state.utterances, event.utterance) };
    }
  }
}

function arrived(state: ConversationState, agent: ConversationState["agent"]): ConversationState {
  return {
    ...state,
    phase: "live",
    agent,
    met: true,
    failure: null,
    retryAtMs: null,
    queue: null,
    failures: 0,
    waitingSinceMs: null,
  };
}

/** The wait in the queue is over: what was told of it is no longer true. */
function admitted(state: ConversationState): ConversationState {
  if (state.queue === null) return state;
  return { ...state, phase: "connecting", failure: null, queue: null };
}

/** In the queue nothing has failed: no tries are counted, and the microphone stays as it is. */
function queued(state: ConversationState, queue: InQueue, nowMs: number): ConversationState {
  const waitingSinceMs = state.waitingSinceMs ?? nowMs;
  if (nowMs - waitingSinceMs >= QUEUE_PATIENCE_MS) return INITIAL;
  return {
    ...state,
    phase: "waiting",
    failure: "box-busy",
    retryAtMs: null,
    queue,
    failures: 0,
    waitingSinceMs,
  };
}

function failed(
  state: ConversationState,
  code: BoxFailure,
  retryInMs: number,
  nowMs: number,
): ConversationState {
  const waitingSinceMs = state.waitingSinceMs ?? nowMs;
  const silentRejoins = state.silentRejoins + (state.phase === "live" ? 1 : 0);
  if (nowMs - waitingSinceMs >= PATIENCE_MS || silentRejoins > SILENT_REJOINS) return INITIAL;
  return {
    ...state,
    phase: "waiting",
    failure: code,
    retryAtMs: nowMs + retryInMs,
    queue: null,
    failures: state.failures + 1,
    waitingSinceMs,
    silentRejoins,
    reconnecting: false,
    agent: "absent",
    still: false,
    microphone: "off",
    trouble: null,
    utterances: closed(state.utterances),
  };
}
