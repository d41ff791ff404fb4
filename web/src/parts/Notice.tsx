/** One trouble, told: what happened, what to do, and the code for staff. */

import type { ReactNode } from "react";
import { type FailureCode, failureText } from "../failures/failure";

interface Props {
  code: FailureCode;
  name: string;
  /** For staff, after the code; for example which part did not load. */
  detail?: string;
  /** Progress, a countdown, buttons. */
  children?: ReactNode;
}

export function Notice({ code, name, detail, children }: Props) {
  const { says, remedy } = failureText(code, name);
  return (
    <aside className="notice" data-testid="notice" data-code={code} role="alert">
      <h2>{says}</h2>
      <p>{remedy}</p>
      {children}
      <p className="notice-code">
        {code}
        {detail && ` (${detail})`}
      </p>
    </aside>
  );
}
