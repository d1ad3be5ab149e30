import type { CallOptions, Host, HostedEngine } from "../engine.ts";
import type { EngineConfig } from "../config.ts";
import { EngineError } from "../errors.ts";
import { findFfmpeg } from "../media/ffmpeg.ts";
import { probeMedia } from "../media/probe.ts";
import { operations } from "../operations/operations.ts";
import type { OperationInput, OperationName, OperationOutput } from "../operations/operations.ts";
import { memoryHere } from "../pipeline/memory-plan.ts";
import { waitForTask } from "../operations/wait.ts";
import { parseInput } from "../schemas/parse.ts";
import type { TaskParameters } from "../schemas/parameters.ts";
import { Queue } from "../tasks/queue.ts";
import { noSuchTask, notPossible } from "../tasks/task-errors.ts";
import type { TaskStore } from "../tasks/task-store.ts";
import type { Task } from "../tasks/task.ts";
import { isEnded } from "../tasks/task.ts";
import { Supervisor } from "../worker/supervisor.ts";
import { cleanModelCache } from "./clean-cache.ts";
import { gpuStatusOf } from "./gpu-status.ts";
import type { Lock } from "../owner/owner-lock.ts";
import { engineProtocol } from "../owner/protocol.ts";
import { refuseTaken } from "./publish.ts";
import * as results from "./results.ts";
import type { Snapshot } from "./results.ts";
import { planTask } from "./plan-task.ts";
import { prepareSubmission, type SubmissionParts } from "./submission.ts";
import { sweep } from "./sweep.ts";
import { settingsWarning } from "./settings-warning.ts";
import { Models } from "./models.ts";
import { taskRunner } from "./task-runner.ts";
import { Watchers } from "./watchers.ts";

const DAY = 86_400_000;
const TOLD_TO_MOVE_UP = 5;
/** Completed tasks that estimates are learnt from. */
const LEARNT_FROM = 50;
type Handlers = {
  [N in OperationName]: (input: ReturnType<typeof parseInput>, options: CallOptions) => Promise<OperationOutput<N>>;
};

interface Parts {
  readonly config: EngineConfig;
  readonly store: TaskStore;
  readonly host: Host;
  readonly ownership: Lock;
}

/** The engine in its own process: store, queue and worker, composed. */
export class LocalEngine implements HostedEngine {
  private readonly config: EngineConfig;
  private readonly host: Host;
  private readonly ownership: Lock;
  private readonly store: TaskStore;
  private readonly supervisor: Supervisor;
  private readonly queue: Queue;
  private readonly models: Models;
  private readonly watchers = new Watchers();
  private readonly startedAt = new Date();
  /** What estimates are learnt from; read anew when a task has ended. */
  private learnt: readonly Task[] | null = null;
  private stopping = false;
  private sweeping: NodeJS.Timeout | undefined;

  constructor({ config, store, host, ownership }: Parts) {
    this.config = config;
    this.host = host;
    this.ownership = ownership;
    this.store = store;
    this.supervisor = new Supervisor({
      entry: config.workerEntry,
      environment: config.workerEnvironment,
      setup: { device: config.device, threads: config.threads },
      idleSeconds: config.workerIdleSeconds,
      onLine: (line) => host.log("info", line, { area: "worker" }),
    });
    this.models = new Models({
      ...{ config, supervisor: this.supervisor },
      inUse: () => this.queue.working?.parameters.dit_model ?? null,
      onError: (error) => host.log("warn", error.message, { area: "models" }),
    });
    const runner = taskRunner({
      ...{ config, supervisor: this.supervisor, models: this.models },
      onTrace: (task, trace) => host.log("info", "stages of the clip", { task: task.id, ...trace }),
    });
    const onError = (error: unknown) => host.log("error", "the queue met an error", { error: String(error) });
    this.queue = new Queue({ store, runner, now: Date.now, onError, onChange: (task) => this.changed(task) });
  }

  /** Takes up what an earlier engine left: its running task goes on, its leftovers are removed. */
  async start(): Promise<void> {
    for (const task of await this.store.pending()) {
      if (task.state === "processing") await this.store.requeue(task.id, task.deaths);
    }
    await sweep(this.config, this.store);
    this.sweeping = setInterval(() => void sweep(this.config, this.store).catch(() => undefined), DAY);
    this.sweeping.unref();
    void findFfmpeg(this.config.ffmpegPath).catch(() => undefined); // so that the first submission need not wait
    this.queue.wake();
  }

  async hasWork(): Promise<boolean> {
    return this.models.downloading || (await this.store.pending()).length > 0;
  }

  async call<N extends OperationName>(
    name: N,
    input: OperationInput<N>,
    options: CallOptions = {},
  ): Promise<OperationOutput<N>> {
    const parsed = parseInput(operations[name].input, input);
    if (this.stopping && operations[name].kind === "creates") {
      throw new EngineError("stopping", { what: "The engine is stopping.", todo: "Try again in a few seconds." });
    }
    return (await this.handlers[name](parsed, options)) as OperationOutput<N>;
  }

  async close(): Promise<void> {
    this.stopping = true;
    clearInterval(this.sweeping);
    await this.queue.stop(); // before its downloads end, so that tasks that wait for one are not failed by that
    await this.models.close();
    await this.supervisor.end();
    await this.store.close();
    this.ownership.release();
  }

  private readonly handlers: Handlers = {
    submit_task: (input, options) => this.submit(input as TaskParameters, null, options),
    submit_image_task: (input, options) => this.submit(input as TaskParameters, "image", options),
    submit_video_task: (input, options) => this.submit(input as TaskParameters, "video", options),
    plan: (input, options) => this.plan(input as TaskParameters, options),
    get_task_status: async (input) => results.taskResultOf(await this.task(input), await this.snapshot()),
    get_task_position: async (input) => results.positionResultOf(await this.task(input), await this.snapshot()),
    wait_for_task: (input, options) => waitForTask(this, input as { task_id: string; timeout: number }, options),
    watch_task: (input, options) =>
      this.watch(input as { task_id: string; after: number; wait_seconds: number }, options),
    cancel_task: async (input) => {
      const { id } = await this.task(input);
      return results.taskResultOf(await this.queue.cancel(id), await this.snapshot());
    },
    retry_task: (input) => this.retry(input),
    get_queue_status: async () => results.queueStatusOf(await this.snapshot(), await this.store.totals()),
    get_queue_history: async (input) => this.history(input as { limit: number; status: "completed" | "all" }),
    get_gpu_status: async () => gpuStatusOf(this.supervisor, this.queue.working, this.config),
    release_gpu_memory: async () => {
      const when = await this.supervisor.release();
      const message =
        when === "now" ? "GPU memory released" : "GPU memory will be released right after the running task";
      return { status: "success", message };
    },
    list_available_models: (_input, { caller }) => this.models.list((caller ?? this.host.caller).defaultModel),
    switch_model: (input) => {
      const { model, download } = input as { model: string; download: boolean };
      return this.models.switchTo(model, download);
    },
    download_model: (input) => {
      const { model, cancel } = input as { model: string; cancel: boolean };
      return this.models.download(model, cancel);
    },
    clean_model_cache: () => {
      const running = this.queue.working?.parameters.dit_model ?? null;
      return cleanModelCache(this.config, this.supervisor, running);
    },
    get_health: async () => ({
      status: "healthy",
      version: this.config.version,
      queue_enabled: true,
      queue_length: (await this.store.pending()).length,
      timestamp: new Date().toISOString(),
    }),
    describe_engine: async () => ({
      version: this.config.version,
      protocol: engineProtocol,
      pid: process.pid,
      port: this.host.port(),
      started_at: this.startedAt.toISOString(),
      state_dir: this.config.stateDir,
      settings: { ...this.config.settings },
    }),
    stop_engine: async () => {
      this.stopping = true;
      setImmediate(this.host.onStop);
      const message = "The engine stops after its last finished segment; the next call starts another, which goes on.";
      return { status: "stopping", message };
    },
  };

  private async submit(
    parameters: TaskParameters,
    kind: "image" | "video" | null,
    options: CallOptions,
  ): Promise<OperationOutput<"submit_task">> {
    const known = parameters.idempotency_key && (await this.store.byKey(parameters.idempotency_key));
    if (known) return results.submitResultOf(known, await this.snapshot(), true);
    const caller = options.caller ?? this.host.caller;
    const wish = { parameters, kind, caller, uploadName: options.upload?.name ?? null };
    const submission = await prepareSubmission(wish, {
      ...this.looking(),
      workDir: this.config.stateDir,
      segmentFrames: this.config.segmentFrames,
    });
    await refuseTaken(submission);
    const { task, duplicate } = await this.store.enqueue(submission);
    if (!duplicate) this.changed(task);
    const answer = results.submitResultOf(task, await this.snapshot(), duplicate);
    this.queue.wake(); // after the answer is made, which says where in the queue the task is put
    const warning = settingsWarning(this.config.settings, caller.engineSettings);
    return { ...answer, ...(warning && { warning }) };
  }

  private plan(parameters: TaskParameters, options: CallOptions): Promise<OperationOutput<"plan">> {
    const caller = options.caller ?? this.host.caller;
    const wish = { parameters, kind: null, caller, uploadName: options.upload?.name ?? null };
    return planTask(wish, { ...this.looking(), completed: async () => (await this.snapshot()).completed });
  }

  /** What submissions and plans are judged by. */
  private looking(): Pick<SubmissionParts, "probe" | "models" | "memory" | "encoders"> {
    return {
      probe: async (path) => probeMedia(await findFfmpeg(this.config.ffmpegPath), path),
      models: () => this.models.entries(),
      memory: memoryHere(this.supervisor.device),
      encoders: async () => (await findFfmpeg(this.config.ffmpegPath)).encoders,
    };
  }

  private async retry(input: object): Promise<OperationOutput<"retry_task">> {
    const before = await this.task(input);
    if (this.queue.current?.id === before.id) throw notPossible(before, "retried yet");
    await probeMedia(await findFfmpeg(this.config.ffmpegPath), before.inputPath);
    const task = await this.store.retry(before.id);
    this.changed(task);
    const answer = results.submitResultOf(task, await this.snapshot(), false);
    this.queue.wake();
    return answer;
  }

  private async watch(
    input: { task_id: string; after: number; wait_seconds: number },
    options: CallOptions,
  ): Promise<OperationOutput<"watch_task">> {
    const { id } = await this.task(input);
    await this.watchers.change(id, input.after, input.wait_seconds * 1000, options.signal);
    const revision = this.watchers.revision(id);
    return { revision, task: results.taskResultOf(await this.task(input), await this.snapshot()) };
  }

  private async history(input: { limit: number; status: string }): Promise<OperationOutput<"get_queue_history">> {
    const states =
      input.status === "all" ? (["completed", "failed", "cancelled"] as const) : [input.status as "completed"];
    return results.historyOf(await this.store.history(states, Math.min(input.limit, this.config.maxHistory)));
  }

  /** Everyone who watches the task hears of it; a model scheduled behind it is loaded when it works no longer. */
  private changed(task: Task): void {
    this.watchers.changed(task.id);
    if (task.state !== "processing") this.models.taskRests();
    if (!isEnded(task.state)) return;
    this.learnt = null;
    void this.tellNext().catch(() => undefined);
    this.host.log("info", `task ${task.state}`, { task: task.id, ...(task.error && { error: task.error }) });
  }

  /** Those who wait for the next tasks hear that they have moved up; telling hundreds would cost more than it is worth. */
  private async tellNext(): Promise<void> {
    const pending = await this.store.pending();
    for (const { id } of pending.slice(0, TOLD_TO_MOVE_UP)) this.watchers.changed(id);
  }

  private async task(input: object): Promise<Task> {
    const { task_id: id } = input as { task_id: string };
    const task = await this.store.get(id);
    if (task) return this.live(task);
    const recent = [
      ...(await this.store.pending()),
      ...(await this.store.history(["completed", "failed", "cancelled"], 3)),
    ];
    throw noSuchTask(id, recent.slice(0, 3));
  }

  /** A stored task with its latest progress; nothing is done for one that only waits, whatever was done before. */
  private live(task: Task): Task {
    if (isEnded(task.state)) return task;
    const progress = this.queue.progressOf(task.id) ?? { ...task.progress, stage: null };
    return { ...task, progress };
  }

  private async snapshot(): Promise<Snapshot> {
    // A task set aside holds up nobody: the others come before it.
    const place = ({ id }: Task) => Number(this.queue.isAside(id));
    const pending = (await this.store.pending()).map((task) => this.live(task)).sort((a, b) => place(a) - place(b));
    this.learnt ??= await this.store.history(["completed"], LEARNT_FROM);
    return { pending, completed: this.learnt, now: Date.now() };
  }
}
