/** Put the page up. */

import "@fontsource-variable/atkinson-hyperlegible-next";
import "./styles/tokens.css";
import "./styles/page.css";
import "./styles/face.css";
import "./styles/controls.css";
import "./styles/captions.css";
import "./styles/notice.css";
import { getLogger, LoggerNames } from "livekit-client";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { Conversation } from "./conversation/conversation";

// A kiosk runs for weeks with nobody looking: only what went wrong belongs in the browser's log.
// Not setLogLevel, which keeps the level in the browser's storage: this page stores nothing there.
for (const name of Object.values(LoggerNames)) getLogger(name).setLevel("warn", false);

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no element with the id root");
createRoot(root).render(<App conversation={new Conversation()} />);
