/** One stay in one room: a token goes in; what happens there comes out as events, until the room is left or lost. */

import {
  type LocalAudioTrack,
  type Participant,
  ParticipantKind,
  type ReconnectPolicy,
  type RemoteParticipant,
  Room,
  RoomEvent,
  type TextStreamReader,
} from "livekit-client";
import type { Place } from "../box/token";
import { type RoomEnd, roomEnd } from "../failures/disconnect";
import { askForMicrophone, type OpenMicrophone } from "./microphone";
import type { AgentState, Microphone } from "./state";
import type { Utterance } from "./utterances";

const CHAT = "lk.chat";
const TRANSCRIPTION = "lk.transcription";
const SEGMENT = "lk.segment_id";
const FINAL = "lk.transcription_final";
const AGENT_STATE = "lk.agent.state";
/** What the box has time to show: pictures a second, or "still". */
const AGENT_VIDEO = "appliance.video";
const STILL = "still";
/** Set on a participant that speaks for another one; it is not the agent itself. */
const ON_BEHALF = "lk.publish_on_behalf";
const AGENT_STATES = new Set<string>(["initializing", "idle", "listening", "thinking", "speaking"]);

// On one box the server is back at once or it has lost the room: LiveKit's own 45 s of tries would only hold us up.
const MENDING_MS = 10_000;
const MENDING: ReconnectPolicy = {
  nextRetryDelayInMs: ({ elapsedMs, retryCount }) =>
    elapsedMs > MENDING_MS ? null : Math.min(2000, 300 * retryCount),
};

export interface VisitListener {
  agent(state: AgentState): void;
  /** Whether the box sends one picture beside the voice, because it has no time to draw. */
  still(still: boolean): void;
  /** The avatar was there and has gone. */
  agentLeft(): void;
  connection(state: "reconnecting" | "reconnected"): void;
  microphone(state: Microphone): void;
  utterance(utterance: Utterance): void;
  soundBlocked(blocked: boolean): void;
  over(end: RoomEnd): void;
}

export class Visit {
  readonly room = new Room({ disconnectOnPageLeave: true, reconnectPolicy: MENDING });
  private track: LocalAudioTrack | null = null;
  private ended = false;

  constructor(
    private readonly listener: VisitListener,
    private readonly open: OpenMicrophone,
  ) {
    this.listen();
  }

  /** Let the page make sound. Must be called while the visitor's touch is being handled. */
  async unlockSound(): Promise<void> {
    await this.room.startAudio().catch(() => undefined);
  }

  /**
   * Enter the room; the microphone is opened meanwhile and follows when the visitor has allowed it.
   *
   * @throws what LiveKit throws when the server cannot be reached or refuses the token
   */
  async enter(place: Place): Promise<void> {
    void this.offerMicrophone();
    await this.room.connect(place.serverUrl, place.token, { maxRetries: 0 });
    this.tellAgent();
  }

  /** Open the microphone and publish it; also the way to try again after a failure. */
  async offerMicrophone(): Promise<void> {
    const tell = (state: Microphone) => {
      if (!this.ended) this.listener.microphone(state);
    };
    const track = await askForMicrophone(this.open, tell);
    if (track === null) return;
    if (this.ended) return track.stop();
    const before = this.track;
    this.track = track;
    try {
      // A device that was pulled out leaves its dead track in the room.
      if (before !== null) await this.room.localParticipant.unpublishTrack(before, true);
      await this.room.localParticipant.publishTrack(track);
      tell(track.isMuted ? "muted" : "on");
    } catch {
      track.stop();
      this.track = null;
      tell("microphone-failed");
    }
  }

  async mute(muted: boolean): Promise<void> {
    if (this.track === null) return;
    await (muted ? this.track.mute() : this.track.unmute());
  }

  /** Send words as if they had been spoken. */
  async send(text: string): Promise<void> {
    await this.room.localParticipant.sendText(text, { topic: CHAT });
  }

  /** Leave, give the microphone back, and be silent from now on. */
  leave(): void {
    if (this.ended) return;
    this.ended = true;
    this.track?.stop();
    this.track = null;
    void this.room.disconnect();
  }

  private listen(): void {
    const { room, listener } = this;
    const when = <Args extends unknown[]>(act: (...args: Args) => void) => {
      return (...args: Args) => {
        if (!this.ended) act(...args);
      };
    };
    const tellAgent = when(() => this.tellAgent());
    room
      .on(RoomEvent.ParticipantConnected, tellAgent)
      .on(RoomEvent.ParticipantAttributesChanged, tellAgent)
      .on(
        RoomEvent.ParticipantDisconnected,
        when((participant: RemoteParticipant) => {
          if (isAgent(participant)) listener.agentLeft();
        }),
      )
      .on(
        RoomEvent.SignalReconnecting,
        when(() => listener.connection("reconnecting")),
      )
      .on(
        RoomEvent.Reconnecting,
        when(() => listener.connection("reconnecting")),
      )
      .on(
        RoomEvent.Reconnected,
        when(() => listener.connection("reconnected")),
      )
      .on(
        RoomEvent.TrackMuted,
        when((_, participant) => this.tellMuted(participant, true)),
      )
      .on(
        RoomEvent.TrackUnmuted,
        when((_, participant) => this.tellMuted(participant, false)),
      )
      .on(
        RoomEvent.AudioPlaybackStatusChanged,
        when(() => listener.soundBlocked(!room.canPlaybackAudio)),
      )
      .on(
        RoomEvent.Disconnected,
        when((reason) => listener.over(roomEnd(reason))),
      );
    room.registerTextStreamHandler(TRANSCRIPTION, (reader, from) => {
      void this.read(reader, from.identity);
    });
  }

  private tellAgent(): void {
    const agent = [...this.room.remoteParticipants.values()].find(isAgent);
    const state = agent?.attributes[AGENT_STATE];
    if (state !== undefined && AGENT_STATES.has(state)) this.listener.agent(state as AgentState);
    if (agent !== undefined) this.listener.still(agent.attributes[AGENT_VIDEO] === STILL);
  }

  private tellMuted(participant: Participant, muted: boolean): void {
    if (participant !== this.room.localParticipant) return;
    // LiveKit mutes a track whose device was pulled out and that no other device can replace.
    const gone = muted && this.track?.mediaStreamTrack.readyState === "ended";
    this.listener.microphone(gone ? "microphone-missing" : muted ? "muted" : "on");
  }

  /** A transcript comes as one growing stream, or as several streams of the same segment, each with all of it. */
  private async read(reader: TextStreamReader, identity: string): Promise<void> {
    const speaker = identity === this.room.localParticipant.identity ? "visitor" : "avatar";
    const id = reader.info.attributes?.[SEGMENT] ?? reader.info.id;
    let text = "";
    const tell = (final: boolean) => {
      if (!this.ended) this.listener.utterance({ id, speaker, text, final });
    };
    try {
      for await (const chunk of reader) {
        text += chunk;
        tell(false);
      }
    } catch {
      // Cut off by a barge-in or with the line: what was said so far stands.
      return tell(true);
    }
    // The avatar's stream ends with its sentence; a visitor's interim one is followed by another.
    tell(speaker === "avatar" || reader.info.attributes?.[FINAL] === "true");
  }
}

function isAgent(participant: Participant): boolean {
  return participant.kind === ParticipantKind.AGENT && !(ON_BEHALF in participant.attributes);
}
