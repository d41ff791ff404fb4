import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { askForMicrophone } from "./microphone";

const track = { kind: "audio" } as never;

beforeEach(() => vi.useFakeTimers());
afterEach(() => vi.useRealTimers());

it("tells that it asks, and hands over the track", async () => {
  const told: string[] = [];
  expect(
    await askForMicrophone(
      () => Promise.resolve(track),
      (state) => told.push(state),
    ),
  ).toBe(track);
  await vi.runAllTimersAsync();
  expect(told).toEqual(["asking"]);
});

it("tells when the browser's question stays unanswered, and still takes a late yes", async () => {
  const told: string[] = [];
  let allow: (value: never) => void = () => undefined;
  const asked = askForMicrophone(
    () => new Promise((resolve) => (allow = resolve)),
    (state) => told.push(state),
  );
  await vi.advanceTimersByTimeAsync(1499);
  expect(told).toEqual(["asking"]);
  await vi.advanceTimersByTimeAsync(1);
  expect(told).toEqual(["asking", "unanswered"]);
  allow(track);
  expect(await asked).toBe(track);
});

it("tells why there is none", async () => {
  const told: string[] = [];
  const open = () => Promise.reject(new DOMException("", "NotAllowedError"));
  expect(await askForMicrophone(open, (state) => told.push(state))).toBeNull();
  expect(told).toEqual(["asking", "microphone-denied"]);
});
