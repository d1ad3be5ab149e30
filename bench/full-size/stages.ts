import assert from "node:assert";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { OwnEngine } from "../own-engine.ts";

/** Seconds of a task by what was done: the networks' stages, and everything else from submission to result. */
export interface StageTimes {
  readonly encode: number;
  readonly transformer: number;
  readonly decode: number;
  readonly rest: number;
}

/** The stages' names in a task's state begin so. */
const beginnings = { encode: "encoding", transformer: "transformer", decode: "decoding" } as const;

/** Follows a task's server-sent events to its end. The network's stages are told when they begin. */
export async function stageTimes(engine: OwnEngine, task_id: string): Promise<StageTimes> {
  const times = { encode: 0, transformer: 0, decode: 0, rest: 0 };
  let [last, at] = [performance.now(), "rest" as keyof StageTimes];
  for await (const { stage, status, error } of eventsOf(engine.url(`/api/tasks/${task_id}/events`))) {
    assert(status !== "failed" && status !== "cancelled", error ?? `the task is ${status}`);
    const now = performance.now();
    times[at] += (now - last) / 1000;
    last = now;
    at = stageNamed(stage);
  }
  return times;
}

function stageNamed(words: string | null | undefined): keyof StageTimes {
  const found = Object.entries(beginnings).find(([, beginning]) => words?.startsWith(beginning));
  return (found?.[0] ?? "rest") as keyof StageTimes;
}

interface TaskEvent {
  readonly status: string;
  readonly stage?: string | null;
  readonly error?: string;
}

async function* eventsOf(url: string): AsyncGenerator<TaskEvent> {
  const { body } = await fetch(url);
  assert(body, "events come in a body");
  for await (const line of createInterface(Readable.fromWeb(body))) {
    if (line.startsWith("data: ")) yield JSON.parse(line.slice("data: ".length)) as TaskEvent;
  }
}
