import { fork } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { EngineError } from "../errors.ts";
import type { ErrorJson } from "../errors.ts";
import type { DeviceChoice, DeviceTrial } from "../onnx/device-choice.ts";
import type { Job, JobResult, ModelSpec } from "../pipeline/job.ts";
import { DeviceChooser } from "./choose-device.ts";
import { fromWorker, protocolVersion } from "./protocol.ts";
import type { FromWorker, ToWorker, WorkerSetup } from "./protocol.ts";

export interface SupervisorParts {
  /** JavaScript file of the worker. */
  readonly entry: string;
  readonly setup: WorkerSetup;
  /** The worker's whole environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Seconds without work after which the worker is ended; 0 never. */
  readonly idleSeconds: number;
  /** Told each line the worker or its native code prints. */
  readonly onLine: (line: string) => void;
}

type Progress = Extract<FromWorker, { type: "progress" }>;

export interface JobEvents {
  readonly signal: AbortSignal;
  onProgress(progress: Progress): void;
  onSegment(): void;
}

/** What is being waited for; ended by exactly one of resolve and reject. */
interface Expecting {
  readonly task: string | null;
  resolve(message: FromWorker): void;
  reject(error: EngineError): void;
  onMessage?(message: FromWorker): void;
}

/** Between asking a process to end and forcing it; cancelling has 2 s in all. Milliseconds. */
const KILL_AFTER = 500;
const KEPT_LINES = 20;

/**
 * Owns the worker process: starts it when there is work, ends it when memory is to be free, and turns its death into
 * an error of the task it was working on. One request at a time.
 */
export class Supervisor {
  private readonly parts: SupervisorParts;
  private readonly chooser: DeviceChooser;
  private child: ChildProcess | null = null;
  private gone: Promise<void> = Promise.resolve();
  private turn: Promise<unknown> = Promise.resolve();
  private expecting: Expecting | null = null;
  /** Requests that are not answered, also those that wait their turn or for a device to be tried. */
  private unanswered = 0;
  private idleTimer: NodeJS.Timeout | undefined;
  private releaseWhenIdle = false;
  private ending = false;
  private lines: string[] = [];
  /** Model in the worker's memory and the provider it runs on. */
  loaded: { model: string; device: string } | null = null;
  private loadingHere: string | null = null;
  private choosing: string | null = null;

  constructor(parts: SupervisorParts) {
    this.parts = parts;
    this.chooser = new DeviceChooser(parts.setup.device, parts);
  }

  /** How the devices did that were tried for SeedVR2; none before a model of it was wanted. */
  get tried(): readonly DeviceTrial[] {
    return this.chooser.tried;
  }

  /** What SeedVR2 computes on, once that is decided. */
  get device(): DeviceChoice | undefined {
    return this.chooser.chosen;
  }

  /** Model that is being loaded, or for which a device is being chosen. */
  get loading(): string | null {
    return this.loadingHere ?? this.choosing;
  }

  /** Whether somebody waits for the worker; a task for which a device is being tried does. */
  get busy(): boolean {
    return this.unanswered > 0;
  }

  /** Runs a job to its result. Aborting ends the worker; the promise then rejects with `cancelled`. */
  async run(job: Job, events: JobEvents): Promise<JobResult> {
    const make = async (): Promise<ToWorker> => {
      const choice = await this.chooseFor(job.model, events.signal);
      return { type: "run", job: { ...job, choice } };
    };
    const message = await this.request(make, job.taskId, events);
    if (message.type !== "done") throw unexpected(message);
    return message.result;
  }

  /**
   * Loads a model; resolves when a job with it would start at once. Only the worker knows whether the one it has is
   * still what its files say.
   */
  async load(model: ModelSpec): Promise<void> {
    await this.request(async () => ({ type: "load", model, choice: await this.chooseFor(model) }), null);
  }

  /** What a SeedVR2 model is to be computed on; deciding it is part of loading the model. */
  private async chooseFor(model: ModelSpec, signal?: AbortSignal): Promise<DeviceChoice | undefined> {
    if (model.kind === "builtin") return undefined;
    this.choosing = model.name;
    try {
      return await this.chooser.choose(signal);
    } catch (error) {
      throw signal?.aborted ? cancelled() : error;
    } finally {
      this.choosing = null;
    }
  }

  /** Frees the worker's memory: now, or right after the running request. Says which. */
  async release(): Promise<"now" | "after the task"> {
    if (this.busy) {
      this.releaseWhenIdle = true;
      return "after the task";
    }
    await this.end();
    return "now";
  }

  /** Ends the worker and all it started; resolves when the process is gone. */
  async end(): Promise<void> {
    clearTimeout(this.idleTimer);
    this.chooser.stop();
    const { child } = this;
    if (!child) return this.gone;
    this.ending = true;
    signalGroup(child, "SIGTERM");
    const force = setTimeout(() => signalGroup(child, "SIGKILL"), KILL_AFTER);
    await this.gone;
    clearTimeout(force);
    signalGroup(child, "SIGKILL"); // an ffmpeg that outlived its worker
  }

  /** One request after the other: a task that begins while a model is being loaded waits for that. */
  private request(make: () => Promise<ToWorker>, task: string | null, events?: JobEvents): Promise<FromWorker> {
    this.unanswered += 1;
    const turn = this.turn.then(() => this.answer(make, task, events));
    this.turn = turn.catch(() => undefined);
    return turn;
  }

  private async answer(
    make: () => Promise<ToWorker>,
    task: string | null,
    events: JobEvents | undefined,
  ): Promise<FromWorker> {
    clearTimeout(this.idleTimer); // before the message is made: ending the worker would end the trial of a device too
    try {
      return await this.ask(await make(), task, events);
    } finally {
      this.unanswered -= 1;
      await this.rest();
    }
  }

  private async ask(message: ToWorker, task: string | null, events?: JobEvents): Promise<FromWorker> {
    if (events?.signal.aborted) throw cancelled();
    // A process that is ending, or has died without our having heard yet, takes no work.
    if (this.ending || this.child?.connected === false) await this.gone;
    const child = this.ensure();
    const answer = new Promise<FromWorker>((resolve, reject) => {
      this.expecting = { task, resolve, reject, onMessage: (m) => forward(m, events) };
    });
    const cancel = () => void this.end();
    events?.signal.addEventListener("abort", cancel, { once: true });
    try {
      child.send(message, (error) => error && this.failed(error));
      return await answer;
    } catch (error) {
      if (events?.signal.aborted) {
        await this.end();
        throw cancelled();
      }
      throw error;
    } finally {
      events?.signal.removeEventListener("abort", cancel);
      this.expecting = null;
    }
  }

  /** What happens when there is nothing to do: memory asked back is given back, else the idle time begins. */
  private async rest(): Promise<void> {
    if (this.releaseWhenIdle) {
      this.releaseWhenIdle = false;
      await this.end();
    } else if (this.child && this.parts.idleSeconds > 0) {
      this.idleTimer = setTimeout(() => void this.end(), this.parts.idleSeconds * 1000);
      this.idleTimer.unref();
    }
  }

  private ensure(): ChildProcess {
    if (this.child) return this.child;
    const child = fork(this.parts.entry, {
      serialization: "advanced",
      env: this.parts.environment,
      // fd 4 is only ever held open: the worker's watchdog sees it close when this process dies, however it dies.
      stdio: ["ignore", "pipe", "pipe", "ipc", "pipe"],
      detached: process.platform !== "win32", // a group of its own, so that its ffmpegs can be ended with it
      execArgv: [],
    });
    this.child = child;
    this.lines = [];
    this.gone = new Promise((resolve) => {
      child.once("exit", (code, signal) => {
        this.died(child, code, signal);
        resolve();
      });
      child.once("error", (error) => {
        this.failed(error);
        if (child.pid) return; // it runs; its exit will be heard
        this.died(child, null, null);
        resolve();
      });
    });
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", (t) => this.print(t));
    child.on("message", (raw) => this.receive(fromWorker.parse(raw)));
    child.send({ type: "setup", version: protocolVersion, setup: this.parts.setup } satisfies ToWorker);
    return child;
  }

  private receive(message: FromWorker): void {
    if (message.type === "loading") [this.loadingHere, this.loaded] = [message.model, null];
    if (message.type === "failed") this.loadingHere = null;
    if (message.type === "loaded") {
      this.loadingHere = null;
      this.loaded = { model: message.model, device: message.device };
    }
    const { expecting } = this;
    if (!expecting) return;
    expecting.onMessage?.(message);
    if (message.type === "failed") expecting.reject(EngineError.from(message.error as ErrorJson));
    if (message.type === "done" || (message.type === "loaded" && expecting.task === null)) expecting.resolve(message);
  }

  private died(child: ChildProcess, code: number | null, signal: NodeJS.Signals | null): void {
    signalGroup(child, "SIGKILL");
    this.child = null;
    const asked = this.ending;
    this.ending = false;
    this.loaded = null;
    this.loadingHere = null;
    const how = signal ? `signal ${signal}` : `exit code ${code}`;
    const printed = this.lines.slice(-3).join(" / ");
    this.expecting?.reject(
      new EngineError("worker_died", {
        what: `The worker process ended unexpectedly (${how}).`,
        ...(printed && { why: `It last printed: ${printed}.` }),
        // Nobody here forces a worker that works: it was the system, most often because memory ran out.
        facts: { code, signal, killed: signal === "SIGKILL" && !asked },
      }),
    );
  }

  /** The process could not be started, or a message did not reach it. */
  private failed(cause: Error): void {
    const what = `The worker process could not be reached: ${cause.message}.`;
    this.expecting?.reject(new EngineError("worker_died", { what, cause }));
  }

  private print(text: string): void {
    for (const line of text.split(/\r?\n/).filter(Boolean)) {
      this.lines = [...this.lines.slice(1 - KEPT_LINES), line];
      this.parts.onLine(line);
    }
  }
}

function forward(message: FromWorker, events: JobEvents | undefined): void {
  if (message.type === "progress") events?.onProgress(message);
  if (message.type === "segment") events?.onSegment();
}

function cancelled(): EngineError {
  return new EngineError("cancelled", { what: "The task was cancelled." });
}

function unexpected(message: FromWorker): EngineError {
  return new EngineError("internal", { what: `The worker answered ${message.type} where a result was due.` });
}

/** Signals the process and all it started; one that is gone already is what was wanted. */
function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (process.platform === "win32" || !child.pid) child.kill(signal);
    else process.kill(-child.pid, signal);
  } catch {
    // ESRCH: nothing of it is left
  }
}
