/** The avatar's face: its video while there is one, otherwise the last frame of it, otherwise a portrait. */

import type { TrackReference } from "@livekit/components-react";
import { VideoTrack } from "@livekit/components-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { copyFrame, HOLD_EVERY_MS } from "./heldFrame";
import { Placeholder } from "./Placeholder";

interface Props {
  name: string;
  track: TrackReference | undefined;
  /** Show the held frame instead of the video: the connection is away. */
  held: boolean;
  /** The box sends the voice and one picture: nothing on it moves, and nothing is wrong. */
  still: boolean;
  /** Shown while there is neither a video nor a frame to hold. */
  portrait: string | null;
  /** Nobody is talking: the portrait rather than the last frame of a conversation that is over. */
  resting: boolean;
  /** Drawn over the face. */
  children?: ReactNode;
}

export function Face({ name, track, held, still, portrait, resting, children }: Props) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [holds, setHolds] = useState(false);
  const [playing, setPlaying] = useState(false);
  const sid = track?.publication.trackSid;

  // The video element goes blank with its track, so a copy of a recent frame is always kept beneath it.
  // A new track is a new video element.
  useEffect(() => {
    const element = video.current;
    if (element === null) return;
    const hold = () => {
      if (canvas.current && copyFrame(element, canvas.current)) {
        setHolds(true);
        setPlaying(true);
      }
    };
    element.requestVideoFrameCallback(hold);
    const timer = setInterval(hold, HOLD_EVERY_MS);
    return () => {
      clearInterval(timer);
      setPlaying(false);
    };
  }, [sid]);

  const live = playing && track !== undefined && !held;
  const shows = holds && !(resting && portrait !== null);
  return (
    <figure className="face" data-testid="face" data-live={live} data-dimmed={held} data-still={still}>
      {!shows && (portrait ? <img className="face-picture" src={portrait} alt="" /> : <Placeholder />)}
      <canvas className="face-picture" ref={canvas} hidden={!shows} />
      {track && (
        <VideoTrack className="face-picture face-video" ref={video} trackRef={track} aria-label={name} />
      )}
      {children}
    </figure>
  );
}
