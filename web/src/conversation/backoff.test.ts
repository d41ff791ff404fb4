import { describe, expect, it } from "vitest";
import { backoffMs, retryAfterMs } from "./backoff";

describe("backoffMs", () => {
  it("doubles from one second and stops at ten", () => {
    expect([1, 2, 3, 4, 5, 50].map((n) => backoffMs(n, 0.5))).toEqual([
      1000, 2000, 4000, 8000, 10_000, 10_000,
    ]);
  });

  it("spreads by a fifth to either side", () => {
    expect(backoffMs(1, 0)).toBe(800);
    expect(backoffMs(1, 0.999999)).toBe(1200);
  });
});

describe("retryAfterMs", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");

  it("reads seconds and dates", () => {
    expect(retryAfterMs("7", now)).toBe(7000);
    expect(retryAfterMs("Thu, 01 Jan 2026 00:00:30 GMT", now)).toBe(30_000);
  });

  it("keeps within one second and one minute", () => {
    expect(retryAfterMs("0", now)).toBe(1000);
    expect(retryAfterMs("86400", now)).toBe(60_000);
    expect(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(1000);
  });

  it("is null where there is nothing to read", () => {
    expect([retryAfterMs(null, now), retryAfterMs(" ", now), retryAfterMs("soon", now)]).toEqual([
      null,
      null,
      null,
    ]);
  });
});
