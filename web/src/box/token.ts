/** Ask the box for a place: in goes nothing, out comes a token for one room, or why there is none. */

import { retryAfterMs } from "../conversation/backoff";
import type { BoxFailure } from "../failures/failure";

export interface Place {
  /** WebSocket address of the LiveKit server. */
  serverUrl: string;
  /** Allows one visitor into one room, for two minutes. */
  token: string;
}

export class NoPlace extends Error {
  constructor(
    readonly failure: BoxFailure,
    /** Milliseconds after which the box wants to be asked again; null when it did not say. */
    readonly retryInMs: number | null = null,
  ) {
    super(failure);
  }
}

/** A busy box that names no time is asked again after this. */
const BUSY_RETRY_MS = 10_000;
/** A box that accepts the connection and then says nothing counts as gone. */
const ANSWER_WITHIN_MS = 8000;

/**
 * @throws NoPlace when the box is busy, starting, gone, or answers what cannot be used
 */
export async function requestPlace(signal: AbortSignal): Promise<Place> {
  let response: Response;
  try {
    response = await fetch("/api/token", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: "{}",
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
  const code = (body as { code?: unknown } | null)?.code;
  const retryInMs = retryAfterMs(retryAfter, nowMs);
  if (status === 429 || (status === 503 && code === "busy")) {
    return new NoPlace("box-busy", retryInMs ?? BUSY_RETRY_MS);
  }
  if (status === 503) return new NoPlace("box-starting", retryInMs);
  if (status === 502 || status === 504) return new NoPlace("box-gone", retryInMs);
  return new NoPlace("token-refused", retryInMs);
}
