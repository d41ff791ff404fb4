/** What a visitor is told when something is in the way: one sentence, what to do, and a stable code. */

export type MicrophoneFailure =
  | "microphone-missing"
  | "microphone-denied"
  | "microphone-in-use"
  | "microphone-insecure"
  | "microphone-failed";

export type BoxFailure =
  | "box-busy"
  | "box-starting"
  | "box-failed"
  | "box-gone"
  | "token-refused"
  | "room-unreachable"
  | "room-lost"
  | "agent-missing"
  | "agent-left";

export type FailureCode =
  | MicrophoneFailure
  | BoxFailure
  | "microphone-unanswered"
  | "reconnecting"
  | "sound-blocked"
  | "message-unsent";

export interface FailureText {
  /** One sentence that a visitor understands. */
  says: string;
  /** What to do about it, or what happens by itself. */
  remedy: string;
}

const TEXTS: Record<FailureCode, FailureText> = {
  "microphone-missing": {
    says: "There is no microphone here.",
    remedy: "Please type instead. The answers are spoken as usual.",
  },
  "microphone-denied": {
    says: "The microphone is not allowed on this page.",
    remedy: "Please type instead, or allow the microphone in the browser’s address bar and try again.",
  },
  "microphone-in-use": {
    says: "Another program is using the microphone.",
    remedy: "Please type instead, or close the other program and try again.",
  },
  "microphone-insecure": {
    says: "The browser gives no microphone to this address.",
    remedy: "Please type instead. Staff: open the page over https, or on the box itself.",
  },
  "microphone-failed": {
    says: "The microphone does not work just now.",
    remedy: "Please type instead, or try again.",
  },
  "microphone-unanswered": {
    says: "The browser asks whether it may use the microphone.",
    remedy: "Please choose “Allow”, or type instead.",
  },
  "box-busy": {
    says: "{name} is talking with someone else.",
    remedy: "Please wait a moment. It is your turn as soon as there is room.",
  },
  "box-starting": {
    says: "{name} is just waking up.",
    remedy: "This takes a moment. You need not do anything.",
  },
  "box-failed": {
    says: "{name} could not start.",
    remedy: "Please tell a member of staff.",
  },
  "box-gone": {
    says: "{name} cannot be reached just now.",
    remedy: "We keep trying by ourselves. If this lasts, please tell a member of staff.",
  },
  "token-refused": {
    says: "{name} could not take you in.",
    remedy: "We try again by ourselves. If this lasts, please tell a member of staff.",
  },
  "room-unreachable": {
    says: "The line to {name} could not be opened.",
    remedy: "We keep trying by ourselves. If this lasts, please tell a member of staff.",
  },
  "room-lost": {
    says: "We were cut off.",
    remedy: "{name} will be back in a moment. You need not do anything.",
  },
  "agent-missing": {
    says: "{name} has not come.",
    remedy: "We call again by ourselves. If this lasts, please tell a member of staff.",
  },
  "agent-left": {
    says: "{name} had to leave.",
    remedy: "We call again by ourselves. You need not do anything.",
  },
  reconnecting: {
    says: "The connection is interrupted.",
    remedy: "One moment please. The conversation goes on by itself.",
  },
  "sound-blocked": {
    says: "The browser holds the voice back.",
    remedy: "Please touch the button to hear it.",
  },
  "message-unsent": {
    says: "Your message did not arrive.",
    remedy: "Please send it again.",
  },
};

/** The words for a code, with the persona's name in place. */
export function failureText(code: FailureCode, name: string): FailureText {
  const text = TEXTS[code];
  return { says: text.says.replace("{name}", name), remedy: text.remedy.replace("{name}", name) };
}

export function isMicrophoneFailure(code: string): code is MicrophoneFailure {
  return code in TEXTS && code.startsWith("microphone-") && code !== "microphone-unanswered";
}
