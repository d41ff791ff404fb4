/** Ask the box for a place: in go what we decode and our ticket, if any; out comes a token for one room, or why there is none. */

import { retryAfterMs } from "../conversation/backoff";
import type { BoxFailure } from "../failures/failure";
import { thisBrowserDecodes } from "./decodes";

export interface Place {
  /** WebSocket address of the LiveKit server. */
  serverUrl: string;
  /** Allows one visitor into one room, for two minutes. */
  token: string;
}

/** Where we stand while every place is taken. */
export interface Queue {
  /** 1 is next. */
  place: number;
  /** Shown again in time, it keeps the place. */
  ticket: string;
  /** Milliseconds after which to ask again. */
  retryInMs: number;
  /** Milliseconds until it is probably our turn. */
  waitMs: number;
}

export class NoPlace extends Error {
  constructor(
    readonly failure: BoxFailure,
    /** Milliseconds after which the box wants to be asked again; null when it did not say. */
    readonly retryInMs: number | null = null,
    /** Null where there is no queue, or no room in it. */
    readonly queue: Queue | null = null,
  ) {
    super(failure);
  }
}

/** A busy box that names no time is asked again after this. */
const BUSY_RETRY_MS = 10_000;
/** Bounds of the time between two questions in the queue, whatever the box says. */
const LEAST_RETRY_MS = 1000;
const MOST_RETRY_MS = 60_000;
/** A box that accepts the connection and then says nothing counts as gone. */
const ANSWER_WITHIN_MS = 8000;

/**
 * @param ticket of an earlier NoPlace, so that we keep our place in the queue
 * @throws NoPlace when the box is busy, starting, gone, or answers what cannot be used
 */
export async function requestPlace(signal: AbortSignal, ticket: string | null = null): Promise<Place> {
  const attributes = { "appliance.decodes": thisBrowserDecodes() };
  let response: Response;
  try {
    response = await fetch("/api/token", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ ...(ticket === null ? {} : { ticket }), participant_attributes: attributes }),
      cache: "no-store",
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
    });
  } catch {
    throw new NoPlace("box-gone");
  }
  const body: unknown = await response.json().catch(() => null);
  if (response.ok) return readPlace(body);
  throw refusal(response.status, response.headers.get("Retry-After"), body, Date.now());
}

/** LiveKit's token endpoints answer in snake_case; its own client also takes camelCase, so both are read. */
export function readPlace(body: unknown): Place {
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const serverUrl = fields.server_url ?? fields.serverUrl;
  const token = fields.participant_token ?? fields.participantToken;
  if (typeof serverUrl !== "string" || typeof token !== "string") throw new NoPlace("token-refused");
  return { serverUrl, token };
}

/** What a status other than success means. */
export function refusal(status: number, retryAfter: string | null, body: unknown, nowMs: number): NoPlace {
  const { code, queue } = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const retryInMs = retryAfterMs(retryAfter, nowMs);
  if (status === 429 || (status === 503 && (code === "busy" || code === "queue-full"))) {
    return new NoPlace("box-busy", retryInMs ?? BUSY_RETRY_MS, readQueue(queue));
  }
  if (status === 503) return new NoPlace("box-starting", retryInMs);
  if (status === 502 || status === 504) return new NoPlace("box-gone", retryInMs);
  return new NoPlace("token-refused", retryInMs);
}

/** The box's `queue`, or null where it is not there or says nothing that can be used. */
export function readQueue(body: unknown): Queue | null {
  const fields = (typeof body === "object" && body !== null ? body : {}) as Record<string, unknown>;
  const { place, ticket, retry_after_s: retryS, wait_s: waitS } = fields;
  if (typeof ticket !== "string" || !isCount(place) || place < 1 || !isCount(retryS)) return null;
  const retryInMs = Math.min(MOST_RETRY_MS, Math.max(LEAST_RETRY_MS, retryS * 1000));
  return { place, ticket, retryInMs, waitMs: isCount(waitS) ? waitS * 1000 : 0 };
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
