/** Say it in writing. */

import { type Ref, type SubmitEvent, useState } from "react";
import { SendIcon } from "./icons";

/** Longer than any question that is asked aloud; keeps one message from filling the prompt. */
const MOST_CHARACTERS = 500;

interface Props {
  onSend: (text: string) => void;
  ref?: Ref<HTMLInputElement>;
}

export function TextBox({ onSend, ref }: Props) {
  const [text, setText] = useState("");
  const words = text.trim();

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (words === "") return;
    onSend(words);
    setText("");
  };

  return (
    <form className="text-box" onSubmit={submit}>
      <input
        ref={ref}
        data-testid="text-input"
        type="text"
        value={text}
        onChange={(event) => setText(event.target.value)}
        maxLength={MOST_CHARACTERS}
        placeholder="Type here"
        aria-label="Type a question"
        autoComplete="off"
        enterKeyHint="send"
      />
      <button className="button round primary" type="submit" data-testid="send" disabled={words === ""}>
        <SendIcon />
        <span className="visually-hidden">Send</span>
      </button>
    </form>
  );
}
