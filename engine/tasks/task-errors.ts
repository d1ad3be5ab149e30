import { EngineError } from "../errors.ts";
import type { Task } from "./task.ts";

export function noSuchTask(id: string, recent: readonly Task[]): EngineError {
  const known = recent.map((task) => `${task.id} (${task.state})`).join(", ");
  return new EngineError("not_found", {
    what: `No task ${id}.`,
    todo: known ? `Recent: ${known}.` : "No task has been submitted yet.",
    facts: { task_id: id },
  });
}

export function notPossible(task: Task, what: string): EngineError {
  return new EngineError("wrong_state", {
    what: `Task ${task.id} is ${task.state} and cannot be ${what}.`,
    facts: { task_id: task.id, status: task.state },
  });
}
