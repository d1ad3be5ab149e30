import assert from "node:assert";
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StdioClientTransport, getDefaultEnvironment } from "@modelcontextprotocol/sdk/client/stdio.js";
import { execa } from "execa";
import { EngineError, readEngineFile } from "../engine/index.ts";
import type { OperationInput, OperationName, OperationOutput, TaskResult } from "../engine/index.ts";

/** What users and hosts run. */
export const entry = resolve(import.meta.dirname, "../bin/seedvr2.js");
/** The built-in model's file. */
export const builtinModel = resolve(import.meta.dirname, "../models/builtin_x2.onnx");

/** Milliseconds for an engine that was asked to stop, and between looks at whether it has. */
const STOP_LIMIT = 20_000;
const LOOK_EVERY = 50;

/**
 * An engine apart from the user's own, spoken to over MCP as a host does. Its folder holds state, results and the
 * bench's media; engine and folder are gone after `end`, and after Ctrl-C.
 */
export class OwnEngine {
  readonly folder: string;
  /** Environment of all processes of the product. */
  readonly environment: Record<string, string>;
  readonly stateDir: string;
  private readonly client = new Client({ name: "bench", version: "1" });
  private readonly interrupted = () => this.abandon();

  private constructor(folder: string) {
    this.folder = folder;
    this.stateDir = join(folder, "state");
    this.environment = {
      ...getDefaultEnvironment(),
      XDG_CONFIG_HOME: join(folder, "config"), // no settings file of the user's
      SEEDVR2_STATE_DIR: this.stateDir,
      OUTPUT_FOLDER: join(folder, "out"),
      SEEDVR2_ALLOWED_FOLDERS: folder,
      PORT: "0",
      // Should this process be killed, the engine does not stay for long.
      SEEDVR2_ENGINE_IDLE: "60",
    };
  }

  /**
   * Makes the folder; the engine starts with the first call, with `settings` on top. Its builds are made here, before
   * anything is timed.
   */
  static async make(settings: Readonly<Record<string, string>> = {}): Promise<OwnEngine> {
    const engine = new OwnEngine(await realpath(await mkdtemp(join(tmpdir(), "seedvr2-bench-"))));
    Object.assign(engine.environment, settings);
    process.once("SIGINT", engine.interrupted);
    process.once("SIGTERM", engine.interrupted);
    try {
      await engine.run(["--version"]);
    } catch (error) {
      await engine.end();
      throw error;
    }
    return engine;
  }

  /** Runs the program to its end; what it printed on stdout. Rejects where it fails. */
  async run(parameters: readonly string[]): Promise<string> {
    const options = { env: this.environment, extendEnv: false, cwd: this.folder };
    const { stdout } = await execa(process.execPath, [entry, ...parameters], options);
    return stdout;
  }

  /** Calls a tool; the first call starts server and engine. */
  async call<N extends OperationName>(name: N, input: OperationInput<N>): Promise<OperationOutput<N>> {
    if (!this.client.transport) await this.connect();
    const answer = await this.client.callTool({ name, arguments: input as Record<string, unknown> });
    if (answer.isError) {
      throw new EngineError("internal", {
        what: `The tool ${name} failed, so there is nothing to measure.`,
        why: (answer.content as { text?: string }[]).map(({ text }) => text).join(" "),
        todo: "Put that right and start the bench again.",
      });
    }
    return answer.structuredContent as OperationOutput<N>;
  }

  /** Submits a clip to be doubled; its id. */
  async submit(path: string): Promise<string> {
    const { task_id } = await this.call("submit_video_task", { file_path: path, scale: 2 });
    return task_id;
  }

  /** Waits for a task that must complete; its final state. */
  async completed(task_id: string): Promise<TaskResult> {
    let task: TaskResult;
    do task = await this.call("wait_for_task", { task_id, timeout: 86_400 });
    while (task.timed_out);
    assert.equal(task.status, "completed", task.error);
    return task;
  }

  get pid(): number {
    return this.running().pid;
  }

  /** The address of a REST path. */
  url(path: string): string {
    return `http://127.0.0.1:${this.running().port}${path}`;
  }

  /** What the engine has written into its log with this message, oldest first. */
  logged(message: string): Record<string, unknown>[] {
    const lines = readFileSync(join(this.stateDir, "log", "engine.log"), "utf8")
      .trim()
      .split("\n");
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>).filter(({ msg }) => msg === message);
  }

  /** Ends engine and server and removes the folder. */
  async end(): Promise<void> {
    await this.client.close();
    const engine = readEngineFile(this.stateDir);
    if (engine) {
      await this.run(["stop"]).catch(() => undefined); // one that does not answer is ended below
      for (const limit = Date.now() + STOP_LIMIT; isAlive(engine.pid) && Date.now() < limit;) await delay(LOOK_EVERY);
      signal(engine.pid, "SIGKILL");
    }
    await rm(this.folder, { recursive: true, force: true, maxRetries: 5 });
    process.off("SIGINT", this.interrupted);
    process.off("SIGTERM", this.interrupted);
  }

  private async connect(): Promise<void> {
    const server = { command: process.execPath, args: [entry, "mcp"], env: this.environment };
    await this.client.connect(new StdioClientTransport({ ...server, stderr: "ignore" }));
  }

  private running(): { pid: number; port: number } {
    const engine = readEngineFile(this.stateDir);
    assert(engine, "the engine is asked about before its first call");
    return engine;
  }

  /** Ctrl-C: no time to ask. The worker ends with its engine. */
  private abandon(): void {
    const engine = readEngineFile(this.stateDir);
    if (engine) signal(engine.pid, "SIGKILL");
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    process.exit(130);
  }
}

function isAlive(pid: number): boolean {
  return signal(pid, 0);
}

/** Whether the process was there to be signalled. */
function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}
