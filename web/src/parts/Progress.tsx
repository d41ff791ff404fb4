/** How far a start has come. */

export function Progress({ share, label }: { share: number; label: string }) {
  const percent = Math.floor(share * 100);
  return (
    <div className="progress">
      <progress data-testid="progress" max={100} value={percent} aria-label={label} />
      <span className="progress-figure">{percent} %</span>
    </div>
  );
}
