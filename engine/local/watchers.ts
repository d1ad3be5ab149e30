/**
 * Revisions of tasks and who waits for the next one. A revision is a number that grows with each change, also over
 * restarts of the engine, so that a watcher that returns after one is answered at once.
 */
export class Watchers {
  private readonly start: number;
  private last: number;
  private readonly revisions = new Map<string, number>();
  private readonly waiting = new Map<string, Set<() => void>>();

  constructor(now: number = Date.now()) {
    this.start = now;
    this.last = now;
  }

  revision(id: string): number {
    return this.revisions.get(id) ?? this.start;
  }

  changed(id: string): void {
    this.revisions.set(id, ++this.last);
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    waiting?.forEach((wake) => wake());
  }

  /** Resolves when the task's revision differs from `after`, when the time is up or the signal says so. */
  async change(id: string, after: number, milliseconds: number, signal?: AbortSignal): Promise<void> {
    if (this.revision(id) !== after || milliseconds <= 0 || signal?.aborted) return;
    await new Promise<void>((resolve) => {
      const waiting = this.waiting.get(id) ?? new Set();
      this.waiting.set(id, waiting);
      const end = () => {
        clearTimeout(timer);
        waiting.delete(end);
        signal?.removeEventListener("abort", end);
        resolve();
      };
      const timer = setTimeout(end, milliseconds);
      waiting.add(end);
      signal?.addEventListener("abort", end, { once: true });
    });
  }
}
