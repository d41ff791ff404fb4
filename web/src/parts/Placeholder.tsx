/** What stands where the face will be, before it has ever been seen: a voice, waiting. */

const BARS = [
  { x: 160, height: 44 },
  { x: 208, height: 96 },
  { x: 256, height: 148 },
  { x: 304, height: 96 },
  { x: 352, height: 44 },
];

export function Placeholder() {
  return (
    <svg className="face-picture placeholder" viewBox="0 0 512 512" aria-hidden="true">
      <circle className="placeholder-halo" cx="256" cy="256" r="212" />
      <circle className="placeholder-halo" cx="256" cy="256" r="158" />
      {BARS.map(({ x, height }) => (
        <rect
          key={x}
          className="placeholder-bar"
          x={x - 11}
          y={256 - height / 2}
          width="22"
          height={height}
          rx="11"
        />
      ))}
    </svg>
  );
}
