import { DisconnectReason } from "livekit-client";
import { describe, expect, it } from "vitest";
import { roomEnd } from "./disconnect";
import { failureText, isMicrophoneFailure } from "./failure";
import { microphoneFailure } from "./media";

describe("microphoneFailure", () => {
  it.each([
    ["NotFoundError", "microphone-missing"],
    ["OverconstrainedError", "microphone-missing"],
    ["NotAllowedError", "microphone-denied"],
    ["NotReadableError", "microphone-in-use"],
    ["InsecureError", "microphone-insecure"],
    ["SomethingNewError", "microphone-failed"],
  ])("%s is %s", (name, code) => {
    expect(microphoneFailure(new DOMException("", name))).toBe(code);
  });

  it("has an answer to what is no error at all", () => {
    expect([microphoneFailure(undefined), microphoneFailure("no")]).toEqual([
      "microphone-failed",
      "microphone-failed",
    ]);
  });
});

describe("roomEnd", () => {
  it("keeps apart who ended it", () => {
    expect(roomEnd(DisconnectReason.CLIENT_INITIATED)).toBe("left");
    expect(roomEnd(DisconnectReason.PARTICIPANT_REMOVED)).toBe("dismissed");
    expect(roomEnd(DisconnectReason.ROOM_DELETED)).toBe("lost");
    expect(roomEnd(DisconnectReason.SERVER_SHUTDOWN)).toBe("lost");
    expect(roomEnd(undefined)).toBe("lost");
  });
});

describe("failureText", () => {
  it("names the persona", () => {
    expect(failureText("box-busy", "Ada").says).toBe("Ada is talking with someone else.");
    expect(failureText("room-lost", "Ada").remedy).toMatch(/^Ada will be back/);
  });
});

it("isMicrophoneFailure knows a state from a failure", () => {
  expect(isMicrophoneFailure("microphone-denied")).toBe(true);
  for (const state of ["on", "muted", "unanswered", "microphone-unanswered", "microphone-odd"]) {
    expect(isMicrophoneFailure(state)).toBe(false);
  }
});
