import Database from "libsql";
import { customAlphabet } from "nanoid";
import type { ErrorJson } from "../errors.ts";
import type { TaskState } from "../schemas/results.ts";
import { migrate } from "./migrations.ts";
import { noSuchTask, notPossible } from "./task-errors.ts";
import { keptDays, keptTasks } from "./task-store.ts";
import type { TaskStore, Totals } from "./task-store.ts";
import { statesBefore, untouched } from "./task.ts";
import type { Submission, Task, TaskOutcome, TaskProgress } from "./task.ts";

const newId = customAlphabet("0123456789abcdefghijklmnopqrstuvwxyz", 8);
const DAY = 86_400_000;
/** Adds the time since the task was last heard of, if it was worked on; takes the present time three times. */
const COUNT_TIME = "worked = worked + ? - coalesce(resumed_at, ?), resumed_at = ?";

interface Row {
  id: string;
  state: TaskState;
  created_at: number;
  started_at: number | null;
  resumed_at: number | null;
  worked: number;
  ended_at: number | null;
  deaths: number;
  submission: string;
  progress: string;
  outcome: string | null;
  error: string | null;
}

/** Tasks in an SQLite file. Every method is one statement or one transaction. */
export class SqliteTaskStore implements TaskStore {
  private readonly database: Database.Database;
  private readonly now: () => number;

  constructor(path: string, now: () => number = Date.now) {
    this.database = new Database(path, { timeout: 10_000 });
    this.database.pragma("journal_mode = WAL");
    this.database.pragma("synchronous = NORMAL");
    migrate(this.database as never);
    this.now = now;
  }

  async enqueue(submission: Submission): Promise<{ task: Task; duplicate: boolean }> {
    const insert = this.database.prepare(
      `INSERT INTO tasks (id, state, idempotency_key, created_at, submission, progress)
       VALUES (?, 'queued', ?, ?, ?, ?) ON CONFLICT (idempotency_key) DO NOTHING`,
    );
    const id = newId();
    const { changes } = insert.run(
      id,
      submission.idempotencyKey,
      this.now(),
      JSON.stringify(submission),
      JSON.stringify(untouched),
    );
    if (changes) return { task: this.expect(id), duplicate: false };
    const first = this.rows("idempotency_key = ?", submission.idempotencyKey)[0]!;
    return { task: first, duplicate: true };
  }

  async claim(passedOver: readonly string[] = []): Promise<Task | undefined> {
    const next = this.database
      .prepare(
        `UPDATE tasks SET state = 'processing', started_at = coalesce(started_at, ?1), resumed_at = ?1
         WHERE sequence = (
           SELECT min(sequence) FROM tasks
           WHERE state = 'queued' AND id NOT IN (SELECT value FROM json_each(?2))
         ) RETURNING id`,
      )
      .get(this.now(), JSON.stringify(passedOver)) as { id: string } | undefined;
    return next && this.expect(next.id);
  }

  async progress(id: string, progress: TaskProgress): Promise<void> {
    this.database
      .prepare(`UPDATE tasks SET progress = ?, ${COUNT_TIME} WHERE id = ? AND state = 'processing'`)
      .run(JSON.stringify(progress), ...this.times(3), id);
  }

  async requeue(id: string, deaths: number): Promise<Task> {
    const task = this.expect(id);
    if (task.state !== "processing") throw notPossible(task, "put back into the queue");
    return this.move(id, "queued", "deaths = ?, resumed_at = NULL", [deaths]);
  }

  async forgive(id: string): Promise<void> {
    this.database.prepare("UPDATE tasks SET deaths = 0 WHERE id = ? AND deaths > 0").run(id);
  }

  async complete(id: string, outcome: TaskOutcome): Promise<Task> {
    return this.move(id, "completed", `${COUNT_TIME}, ended_at = ?, outcome = ?`, [
      ...this.times(4),
      JSON.stringify(outcome),
    ]);
  }

  async fail(id: string, error: ErrorJson): Promise<Task> {
    return this.move(id, "failed", `${COUNT_TIME}, ended_at = ?, error = ?`, [...this.times(4), JSON.stringify(error)]);
  }

  async cancel(id: string): Promise<Task> {
    return this.move(id, "cancelled", "ended_at = ?", [this.now()]);
  }

  async retry(id: string): Promise<Task> {
    const task = await this.get(id);
    if (task?.state === "processing" || task?.state === "queued") throw notPossible(task, "retried");
    const anew = `ended_at = NULL, started_at = NULL, resumed_at = NULL, worked = 0, error = NULL, deaths = 0, progress = ?,
      sequence = (SELECT max(sequence) + 1 FROM tasks)`;
    return this.move(id, "queued", anew, [JSON.stringify(untouched)]);
  }

  async byKey(idempotencyKey: string): Promise<Task | undefined> {
    return this.rows("idempotency_key = ?", idempotencyKey)[0];
  }

  async get(id: string): Promise<Task | undefined> {
    return this.rows("id = ?", id)[0];
  }

  async pending(): Promise<Task[]> {
    return this.rows("state IN ('processing', 'queued') ORDER BY state = 'queued', sequence");
  }

  async history(states: readonly TaskState[], limit: number): Promise<Task[]> {
    const marks = states.map(() => "?").join(", ");
    return this.rows(`state IN (${marks}) ORDER BY ended_at DESC, sequence DESC LIMIT ?`, ...states, limit);
  }

  async totals(): Promise<Totals> {
    const row = this.database
      .prepare(
        `SELECT count(*) FILTER (WHERE state = 'completed') AS completed,
                count(*) FILTER (WHERE state = 'failed') AS failed,
                coalesce(avg(worked) FILTER (WHERE state = 'completed'), 0) / 1000.0 AS seconds
         FROM tasks`,
      )
      .get() as { completed: number; failed: number; seconds: number };
    return { completed: row.completed, failed: row.failed, averageSeconds: row.seconds };
  }

  async prune(): Promise<void> {
    const old = `state NOT IN ('processing', 'queued') AND ended_at < ?
      AND sequence <= (SELECT max(sequence) FROM tasks) - ?`;
    this.database.prepare(`DELETE FROM tasks WHERE ${old}`).run(this.now() - keptDays * DAY, keptTasks);
  }

  async close(): Promise<void> {
    this.database.close();
  }

  /** Writes a change of state if the table of transitions allows it from the state the task is in. */
  private move(id: string, to: TaskState, changes: string, values: readonly unknown[]): Task {
    const from = statesBefore(to);
    const marks = from.map(() => "?").join(", ");
    const { changes: moved } = this.database
      .prepare(`UPDATE tasks SET state = ?, ${changes} WHERE id = ? AND state IN (${marks})`)
      .run(to, ...values, id, ...from);
    const task = this.expect(id);
    if (!moved) throw notPossible(task, to);
    return task;
  }

  /** The present time, `count` times. */
  private times(count: number): number[] {
    return Array<number>(count).fill(this.now());
  }

  private expect(id: string): Task {
    const task = this.rows("id = ?", id)[0];
    if (!task) throw noSuchTask(id, this.rows("1 ORDER BY sequence DESC LIMIT 3"));
    return task;
  }

  private rows(where: string, ...values: readonly unknown[]): Task[] {
    const rows = this.database.prepare(`SELECT * FROM tasks WHERE ${where}`).all(...values) as Row[];
    return rows.map(taskOf);
  }
}

function taskOf(row: Row): Task {
  return {
    ...(JSON.parse(row.submission) as Submission),
    id: row.id,
    state: row.state,
    createdAt: row.created_at,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    worked: row.worked,
    resumedAt: row.resumed_at,
    deaths: row.deaths,
    progress: JSON.parse(row.progress) as TaskProgress,
    outcome: row.outcome === null ? null : (JSON.parse(row.outcome) as TaskOutcome),
    error: row.error === null ? null : (JSON.parse(row.error) as ErrorJson),
  };
}
