/** Keep a copy of what a video shows. */

/** Old enough to cost nothing, young enough that nobody sees the jump. */
export const HOLD_EVERY_MS = 250;

/** Side of the thumbnail that is looked at, in pixels. */
const THUMBNAIL_PX = 8;
/** No channel of any pixel is brighter in a blank frame; compressed black is not quite 0. */
const BLACK = 24;

/**
 * Copy the present frame, unless there is none or it is blank: a stream that ends turns black, and LiveKit's
 * server sends black frames of its own when a track is taken away.
 *
 * @returns whether the canvas now holds this frame
 */
export function copyFrame(video: HTMLVideoElement, canvas: HTMLCanvasElement): boolean {
  const { videoWidth, videoHeight } = video;
  if (videoWidth === 0 || video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return false;
  const thumbnail = new OffscreenCanvas(THUMBNAIL_PX, THUMBNAIL_PX).getContext("2d");
  const context = canvas.getContext("2d");
  if (thumbnail === null || context === null) return false;
  thumbnail.drawImage(video, 0, 0, THUMBNAIL_PX, THUMBNAIL_PX);
  if (isBlank(thumbnail.getImageData(0, 0, THUMBNAIL_PX, THUMBNAIL_PX).data)) return false;
  if (canvas.width !== videoWidth) canvas.width = videoWidth;
  if (canvas.height !== videoHeight) canvas.height = videoHeight;
  context.drawImage(video, 0, 0);
  return true;
}

/** @param rgba four bytes a pixel */
export function isBlank(rgba: Uint8ClampedArray): boolean {
  return rgba.every((value, i) => i % 4 === 3 || value < BLACK);
}
