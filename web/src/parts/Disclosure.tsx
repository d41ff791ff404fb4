/** Said on every screen: this is a machine. */

import { SparkIcon } from "./icons";

export function Disclosure() {
  return (
    <p className="disclosure">
      <SparkIcon />
      <span>
        Powered by AI<span className="disclosure-more"> · answers can be wrong</span>
      </span>
    </p>
  );
}
