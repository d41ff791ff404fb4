/** How long to wait before the next try. */

const FIRST_MS = 1000;
const LONGEST_MS = 10_000;
const JITTER = 0.2;

/**
 * Doubles from one second to ten, and spreads by a fifth, so that the screens of a site do not call in step.
 *
 * @param failures tries that failed in a row, from 1
 * @param random in [0, 1)
 * @returns milliseconds
 */
export function backoffMs(failures: number, random: number): number {
  const plain = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.max(0, failures - 1));
  return Math.round(plain * (1 - JITTER + 2 * JITTER * random));
}

/**
 * Read an HTTP Retry-After header: seconds, or a date.
 *
 * @param nowMs milliseconds since 1970, for the date form
 * @returns milliseconds, at least one second and at most one minute; null where there is none that can be read
 */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null || header.trim() === "") return null;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - nowMs;
  if (!Number.isFinite(ms)) return null;
  return Math.min(60_000, Math.max(1000, ms));
}
