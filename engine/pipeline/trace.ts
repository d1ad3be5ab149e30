/** What a clip's run is made of; the three that are to overlap in time. */
export type Stage = "decode" | "upscale" | "encode";

export interface TraceSummary {
  /** Seconds each stage was busy. */
  readonly seconds: Record<Stage, number>;
  /**
   * Time with two or more stages busy ÷ the most that these stage times allow, min(sum of the shorter stages, longest
   * stage): 1 is perfect overlap, 0 is one after the other.
   */
  readonly overlap: number;
  readonly wallSeconds: number;
}

/** Adds up, as stages begin and end, how long each was busy and how long two or more were. */
export class Trace {
  private readonly now: () => number;
  private readonly started: number;
  private readonly active: Record<Stage, number> = { decode: 0, upscale: 0, encode: 0 };
  private readonly busy: Record<Stage, number> = { decode: 0, upscale: 0, encode: 0 };
  private together = 0;
  private last: number;

  /** `now` in milliseconds. */
  constructor(now: () => number = () => performance.now()) {
    this.now = now;
    this.started = this.last = now();
  }

  begin(stage: Stage): void {
    this.advance();
    this.active[stage] += 1;
  }

  end(stage: Stage): void {
    this.advance();
    this.active[stage] -= 1;
  }

  /** Runs `work` as part of a stage. */
  async during<T>(stage: Stage, work: () => Promise<T>): Promise<T> {
    this.begin(stage);
    try {
      return await work();
    } finally {
      this.end(stage);
    }
  }

  summary(): TraceSummary {
    this.advance();
    const times = Object.values(this.busy).sort((a, b) => a - b);
    const longest = times.at(-1) ?? 0;
    const shorter = times.slice(0, -1).reduce((sum, time) => sum + time, 0);
    const possible = Math.min(shorter, longest);
    const seconds = (milliseconds: number) => Math.round(milliseconds) / 1000;
    return {
      seconds: {
        decode: seconds(this.busy.decode),
        upscale: seconds(this.busy.upscale),
        encode: seconds(this.busy.encode),
      },
      overlap: possible > 0 ? Math.round((this.together / possible) * 1000) / 1000 : 0,
      wallSeconds: seconds(this.last - this.started),
    };
  }

  private advance(): void {
    const now = this.now();
    const passed = now - this.last;
    const stages = (Object.keys(this.active) as Stage[]).filter((stage) => this.active[stage] > 0);
    for (const stage of stages) this.busy[stage] += passed;
    if (stages.length > 1) this.together += passed;
    this.last = now;
  }
}
