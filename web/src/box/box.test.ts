import { describe, expect, it } from "vitest";
import { decodes } from "./decodes";
import { readPersona, UNNAMED } from "./persona";
import { readReadiness } from "./readiness";
import { NoPlace, readPlace, readQueue, refusal } from "./token";

describe("readPlace", () => {
  it("reads snake_case and camelCase", () => {
    const place = { serverUrl: "ws://127.0.0.1:7880", token: "t" };
    expect(readPlace({ server_url: place.serverUrl, participant_token: "t" })).toEqual(place);
    expect(readPlace({ serverUrl: place.serverUrl, participantToken: "t" })).toEqual(place);
  });

  it.each([null, "text", {}, { server_url: "ws://127.0.0.1" }, { server_url: 1, participant_token: "t" }])(
    "refuses %j",
    (body) => {
      expect(() => readPlace(body)).toThrow(NoPlace);
    },
  );
});

describe("refusal", () => {
  const told = (status: number, retryAfter: string | null, code?: string) => {
    const { failure, retryInMs } = refusal(status, retryAfter, code ? { code } : null, 0);
    return [failure, retryInMs];
  };

  it("knows a busy box and its hour", () => {
    expect(told(503, "7", "busy")).toEqual(["box-busy", 7000]);
    expect(told(503, null, "busy")).toEqual(["box-busy", 10_000]);
    expect(told(429, "3")).toEqual(["box-busy", 3000]);
  });

  it("takes any other 503 for a box that starts", () => {
    expect(told(503, null)).toEqual(["box-starting", null]);
    expect(told(503, null, "starting")).toEqual(["box-starting", null]);
  });

  it("tells a broken way from a refusal", () => {
    expect(told(502, null)).toEqual(["box-gone", null]);
    expect(told(500, null, "no-persona")).toEqual(["token-refused", null]);
    expect(told(422, null)).toEqual(["token-refused", null]);
  });
});

describe("readQueue", () => {
  const queue = { place: 2, ticket: "t", retry_after_s: 2, wait_s: 70 };

  it("reads where we stand", () => {
    expect(readQueue(queue)).toEqual({ place: 2, ticket: "t", retryInMs: 2000, waitMs: 70_000 });
    const { failure, queue: told } = refusal(503, "2", { code: "busy", queue }, 0);
    expect([failure, told?.place]).toEqual(["box-busy", 2]);
  });

  it("does not ask too often or too rarely, whatever the box says", () => {
    expect(readQueue({ ...queue, retry_after_s: 0 })?.retryInMs).toBe(1000);
    expect(readQueue({ ...queue, retry_after_s: 1e9 })?.retryInMs).toBe(60_000);
  });

  it("can do without a guess of the time", () => {
    expect(readQueue({ ...queue, wait_s: undefined })?.waitMs).toBe(0);
  });

  it.each([
    null,
    "2",
    {},
    { ...queue, ticket: 7 },
    { ...queue, place: 0 },
    { ...queue, place: "2" },
    { ...queue, retry_after_s: -1 },
  ])("refuses %j", (body) => {
    expect(readQueue(body)).toBeNull();
  });

  it("is not there when the queue is full", () => {
    const full = refusal(503, "5", { code: "queue-full" }, 0);
    expect([full.failure, full.retryInMs, full.queue]).toEqual(["box-busy", 5000, null]);
  });
});

describe("readReadiness", () => {
  const stage = (state: string) => ({ name: "ears", state, seconds: 1.2 });

  it("is ready on 200", () => {
    expect(readReadiness(200, { ready: true })).toEqual({ kind: "ready" });
  });

  it("shows the box's own progress, within bounds", () => {
    expect(readReadiness(503, { stages: [stage("loading")], progress: 0.4 })).toMatchObject({
      progress: 0.4,
    });
    expect(readReadiness(503, { stages: [], progress: 7 })).toMatchObject({ kind: "starting", progress: 1 });
  });

  it("counts stages where the box gives no figure", () => {
    expect(readReadiness(503, { stages: [stage("ready"), stage("loading")] })).toMatchObject({
      progress: 0.5,
    });
    expect(readReadiness(503, {})).toMatchObject({ kind: "starting", progress: 0, stages: [] });
  });

  it("names the stage that failed", () => {
    expect(readReadiness(503, { stages: [stage("failed")], progress: 0.4 })).toEqual({
      kind: "failed",
      stage: "ears",
    });
  });

  it("takes an answer of something else for a box that is gone", () => {
    expect(readReadiness(404, { detail: "Not Found" })).toEqual({ kind: "gone" });
    expect(readReadiness(503, null)).toEqual({ kind: "gone" });
  });
});

describe("decodes", () => {
  const vp8 = { mimeType: "video/VP8", clockRate: 90_000 };
  const h264 = (profile: string) => ({
    mimeType: "video/H264",
    clockRate: 90_000,
    sdpFmtpLine: `level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=${profile}`,
  });

  it("asks for H.264 where the browser decodes the profile that the box sends", () => {
    expect(decodes([vp8, h264("640032"), h264("42e01f")], "Chrome/150")).toBe("vp8,h264");
    expect(decodes([vp8, h264("640032")], "Chrome/150")).toBe("vp8");
    expect(decodes([vp8, { mimeType: "video/H264", clockRate: 90_000 }], "Chrome/150")).toBe("vp8");
    expect(decodes([], "Chrome/150")).toBe("vp8");
  });

  it("asks for none in Firefox, to which LiveKit does not send it", () => {
    expect(decodes([vp8, h264("42e01f")], "Gecko/20100101 Firefox/150.0")).toBe("vp8");
  });
});

describe("readPersona", () => {
  it("reads what is there and has an answer for what is not", () => {
    expect(
      readPersona({ name: " Ada ", title: "Host", language: "de", suggestions: ["Wo?", "", 3] }),
    ).toEqual({
      name: "Ada",
      title: "Host",
      language: "de",
      suggestions: ["Wo?"],
      portrait: null,
    });
    expect(readPersona(null)).toEqual(UNNAMED);
  });

  it("shows at most six suggestions", () => {
    expect(
      readPersona({ suggestions: Array.from({ length: 8 }, (_, n) => `question ${n}`) }).suggestions,
    ).toHaveLength(6);
  });

  it("takes a portrait from this box only", () => {
    expect(readPersona({ portrait: "/api/portrait" }).portrait).toBe("/api/portrait");
    expect(readPersona({ portrait: "//elsewhere.example/a.jpg" }).portrait).toBeNull();
    expect(readPersona({ portrait: "https://elsewhere.example/a.jpg" }).portrait).toBeNull();
  });
});
