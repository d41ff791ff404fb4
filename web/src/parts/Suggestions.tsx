/** Questions that are asked with a touch. */

interface Props {
  questions: readonly string[];
  language: string;
  disabled?: boolean;
  onAsk: (question: string) => void;
}

export function Suggestions({ questions, language, disabled = false, onAsk }: Props) {
  if (questions.length === 0) return null;
  return (
    <ul className="suggestions" aria-label="Questions you can ask" lang={language}>
      {questions.map((question) => (
        <li key={question}>
          <button type="button" className="chip" disabled={disabled} onClick={() => onAsk(question)}>
            {question}
          </button>
        </li>
      ))}
    </ul>
  );
}
