import type { Progress } from "@modelcontextprotocol/sdk/types.js";
import type { TaskResult } from "../engine/index.ts";
import { activity } from "./wording.ts";

/** At most two notifications a second. */
const shortestGapMs = 500;
/** Hosts give up on calls that are silent; with this gap one is sent in any 10 s. */
const longestGapMs = 9_000;

/**
 * Tells a client how far a task is while a call waits for it. Its `progress` strictly increases below `total` 100
 * whatever the task does (a retried task goes back), because clients drop values that do not. `end` is called before
 * the answer is given: a notification after it makes some clients close the connection.
 */
export class ProgressReporter {
  readonly #send: (progress: Progress) => Promise<void>;
  #state: { readonly task: TaskResult; readonly at: number } | undefined;
  /** What was sent last; below 0, so that a task that has just begun is at 0. */
  #value = -1;
  #lastSentAt = -Infinity;
  #timer: NodeJS.Timeout;
  #sent: Promise<unknown> = Promise.resolve();
  #ended = false;

  constructor(send: (progress: Progress) => Promise<void>) {
    this.#send = send;
    this.#timer = this.#sendAfter(longestGapMs);
  }

  /** Takes the task's new state; it is reported at once or as soon as the last report is half a second old. */
  update(task: TaskResult): void {
    if (this.#ended) return;
    this.#state = { task, at: performance.now() };
    const wait = this.#lastSentAt + shortestGapMs - performance.now();
    if (wait <= 0) this.#report();
    else this.#timer = this.#sendAfter(wait);
  }

  /** Stops reporting; resolves when the last notification is written. */
  async end(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#sent;
  }

  #sendAfter(ms: number): NodeJS.Timeout {
    clearTimeout(this.#timer);
    return setTimeout(() => this.#report(), ms);
  }

  #report(): void {
    const now = performance.now();
    this.#value = nextValue(this.#value, this.#state?.task.progress ?? 0);
    this.#lastSentAt = now;
    this.#timer = this.#sendAfter(longestGapMs);
    const sending = this.#send({ progress: this.#value, total: 100, message: this.#message(now) });
    // A client that is gone is noticed by the transport, which ends the call.
    this.#sent = Promise.allSettled([this.#sent, sending]);
  }

  #message(now: number): string {
    if (!this.#state) return "waiting for the engine";
    const { task, at } = this.#state;
    return activity(task, task.eta === null ? null : Math.max(1, task.eta - (now - at) / 1000));
  }
}

/** The task's percentage if that is an increase, else a step too small to be seen; never 100, which is the answer's. */
function nextValue(last: number, percent: number): number {
  const smallest = last + (100 - last) * 1e-5;
  return percent > smallest && percent < 100 ? percent : smallest;
}
