/** The last few utterances of both sides, as they are spoken. */

import { type Utterance, visible } from "../conversation/utterances";

const SHOWN = 3;

interface Props {
  name: string;
  /** Language of the conversation, which may differ from the page's. */
  language: string;
  utterances: readonly Utterance[];
}

export function Captions({ name, language, utterances }: Props) {
  return (
    <div className="captions" data-testid="captions" role="log" aria-live="polite" aria-label="Captions">
      {visible(utterances, SHOWN).map((one) => (
        // aria-busy: a screen reader waits for the whole sentence instead of reading every new word.
        <p
          key={one.id}
          className={`caption caption-${one.speaker}`}
          data-testid={one.speaker === "visitor" ? "caption-user" : "caption-agent"}
          data-final={one.final}
          aria-busy={!one.final}
        >
          <span className="caption-speaker">{one.speaker === "visitor" ? "You" : name}</span>
          <span className="caption-text" lang={language}>
            {one.text}
          </span>
        </p>
      ))}
    </div>
  );
}
