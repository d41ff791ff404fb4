/** Which video codecs this browser decodes, in the words that the box knows; the face is sent in the cheapest. */

/** What the box sends in H.264: constrained baseline. */
const BASELINE = /profile-level-id=42e0/i;

/**
 * @param codecs of RTCRtpReceiver.getCapabilities("video")
 * @param userAgent LiveKit's server does not send H.264 to Firefox on one connection, whatever it decodes
 */
export function decodes(codecs: readonly RTCRtpCodec[], userAgent: string): string {
  const h264 = codecs.some(
    ({ mimeType, sdpFmtpLine }) =>
      mimeType.toLowerCase() === "video/h264" && BASELINE.test(sdpFmtpLine ?? ""),
  );
  return h264 && !userAgent.includes("Firefox") ? "vp8,h264" : "vp8";
}

/** The same of the browser that runs this page. */
export function thisBrowserDecodes(): string {
  return decodes(RTCRtpReceiver.getCapabilities("video")?.codecs ?? [], navigator.userAgent);
}
