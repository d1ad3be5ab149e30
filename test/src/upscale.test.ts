import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EngineError } from "../../engine/index.ts";
import type { CallOptions, OperationInput, TaskResult } from "../../engine/index.ts";
import { upscaleWith } from "../../src/commands/upscale.ts";
import type { UpscaleWish } from "../../src/commands/upscale.ts";
import { loadSettings } from "../../src/config.ts";
import { durationText, progressText, showProgress } from "../../src/upscale/progress.ts";
import { findJobs, skippedText } from "../../src/upscale/inputs.ts";
import { StandInEngine, aTask } from "../stand-in-engine.ts";

let folder: string;
let stdout: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "seedvr2-upscale-")));
  for (const name of ["a.jpg", "b.PNG", "notes.txt", "sub/c.mp4", "odd [1].png"]) {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), "x");
  }
  stdout = "";
  vi.spyOn(process.stdout, "write").mockImplementation((text) => {
    stdout += String(text);
    return true;
  });
  vi.spyOn(process.stderr, "write").mockImplementation(() => true);
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

const here = (...names: string[]) => join(folder, ...names);

describe("which files are meant", () => {
  const found = async (inputs: string[], output: string | null = null) =>
    (
      await findJobs(
        inputs.map((name) => here(name)),
        output,
        "/out",
      )
    ).jobs.map(({ file, outputPath, outputFolder }) => [file.slice(folder.length + 1), outputPath ?? outputFolder]);

  it("takes files as they are, also ones that look like no media or do not exist", async () => {
    expect(await found(["notes.txt", "gone.png"])).toEqual([
      ["notes.txt", "/out"],
      ["gone.png", "/out"],
    ]);
  });

  it("takes pictures and clips of folders and keeps the structure below them", async () => {
    expect(await found([""], "/big/")).toEqual([
      ["a.jpg", "/big"],
      ["b.PNG", "/big"],
      ["odd [1].png", "/big"],
      [join("sub", "c.mp4"), join("/big", "sub")],
    ]);
  });

  it("leaves out hidden files and what is no media, and tells how many", async () => {
    for (const name of ["Thumbs.db", ".hidden.png", ".cache/x.jpg", "sub/Thumbs.db", "README"]) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), "x");
    }
    const { jobs, skipped } = await findJobs([folder], null, "/out");
    expect(jobs.map(({ file }) => file)).toEqual([
      here("a.jpg"),
      here("b.PNG"),
      here("odd [1].png"),
      here("sub", "c.mp4"),
    ]);
    expect(skippedText(skipped)).toBe(
      "Skipped 6 files in folders, no pictures or clips by their names: 2 .db, 1 .jpg, 1 .txt, 1 hidden, 1 without extension.",
    );
    expect(skippedText([])).toBeNull();
  });

  it("takes patterns, and names with pattern characters literally where they exist", async () => {
    expect(await found(["*.jpg"])).toEqual([["a.jpg", "/out"]]);
    expect(await found(["odd [1].png"])).toEqual([["odd [1].png", "/out"]]);
  });

  it("takes each file once and leaves out earlier results in a folder's own output folder", async () => {
    writeFileSync(here("sub", "d.png"), "x");
    expect(await found(["a.jpg", "*.jpg"])).toHaveLength(1);
    expect((await found([""], here("sub"))).map(([file]) => file)).not.toContain(join("sub", "d.png"));
  });

  it("writes to a named file, or into an existing folder", async () => {
    expect(await found(["a.jpg"], here("new.png"))).toEqual([["a.jpg", here("new.png")]]);
    expect(await found(["a.jpg"], here("sub"))).toEqual([["a.jpg", here("sub")]]);
  });

  it.each([
    [["*.nothing"], null, /No file matches/],
    [["sub/none"], null, /has no pictures or clips/],
    [["a.jpg", "b.PNG"], "one.png", /-o names one file.*2 inputs/],
  ] as const)("refuses %j into %j", async (inputs, output, message) => {
    mkdirSync(here("sub", "none"));
    await expect(found([...inputs], output)).rejects.toThrow(message);
  });
});

describe("upscale", () => {
  const wish = (changes: Partial<UpscaleWish>): UpscaleWish => ({
    inputs: [here("a.jpg")],
    output: null,
    parameters: {},
    detach: false,
    json: false,
    ...changes,
  });
  const settings = loadSettings({ OUTPUT_FOLDER: "/out", SEEDVR2_ALLOWED_FOLDERS: "/home" });
  const run = (engine: StandInEngine, changes: Partial<UpscaleWish> = {}, signal = new AbortController().signal) =>
    upscaleWith(engine, { settings, wish: wish(changes), signal });

  /** Takes everything but notes.txt; each task ends as `ends` says. */
  function engineWhere(ends: (id: string) => Partial<TaskResult>): StandInEngine {
    let count = 0;
    return new StandInEngine({
      submit_task: ({ file_path }: OperationInput<"submit_task">) => {
        if (file_path.endsWith(".txt")) throw new EngineError("unreadable_media", { what: "It is text." });
        const task_id = `task000${++count}`;
        return { status: "queued", task_id, queue_position: count, estimated_wait_seconds: 1 };
      },
      wait_for_task: ({ task_id }: { task_id: string }, options?: CallOptions) => {
        const task = aTask({ id: task_id, ...ends(task_id) });
        options?.onStatus?.(task);
        return task;
      },
      cancel_task: ({ task_id }: { task_id: string }) => aTask({ id: task_id, status: "cancelled" }),
    });
  }
  const completed = (id: string) => ({ status: "completed", output_path: `/out/${id}.png` }) as const;

  it("prints results' paths alone on stdout and succeeds", async () => {
    expect(await run(engineWhere(completed), { inputs: [here("a.jpg"), here("b.PNG")] })).toBe(0);
    expect(stdout).toBe("/out/task0001.png\n/out/task0002.png\n");
  });

  it("tries every input and exits with 1 if one of several failed", async () => {
    const code = await run(engineWhere(completed), { inputs: [here("notes.txt"), here("a.jpg")], json: true });
    expect(code).toBe(1);
    const [failure, success] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(failure).toMatchObject({ input: here("notes.txt"), error: { code: "unreadable_media" } });
    expect(success).toMatchObject({ id: "task0001", output_path: "/out/task0001.png" });
  });

  it.each([
    ["a refused input", { inputs: () => [here("notes.txt")] }, completed, 2],
    ["a failed task", {}, () => ({ status: "failed", error: "It broke." }) as const, 1],
    ["a task somebody cancelled", {}, () => ({ status: "cancelled" }) as const, 130],
  ] as const)("exits for %s as the table says", async (_, changes, ends, code) => {
    const inputs = "inputs" in changes ? changes.inputs() : [here("a.jpg")];
    expect(await run(engineWhere(ends), { inputs })).toBe(code);
    expect(stdout).toBe("");
  });

  it("prints ids and leaves when detached", async () => {
    const engine = engineWhere(completed);
    expect(await run(engine, { detach: true })).toBe(0);
    expect(stdout).toBe("task0001\n");
    expect(engine.calls.map(({ name }) => name)).toEqual(["submit_task"]);
  });

  it("allows the folders that were named, also behind a link, and gives the output folder", async () => {
    symlinkSync(here("sub", "c.mp4"), here("link.mp4"));
    const engine = engineWhere(completed);
    await run(engine, { inputs: [here("link.mp4")], output: `${here("new")}/`, parameters: { seed: 7 } });
    expect(engine.calls[0]).toMatchObject({
      input: { file_path: here("link.mp4"), seed: 7 },
      options: { caller: { outputFolder: here("new"), allowedFolders: ["/home", folder, here("sub"), here("new")] } },
    });
  });

  it("cancels all that has not ended when interrupted", async () => {
    const interruption = new AbortController();
    const engine = engineWhere((id) => {
      if (id === "task0001") return completed(id);
      interruption.abort();
      throw new EngineError("cancelled", { what: "Interrupted." });
    });
    const inputs = [here("a.jpg"), here("b.PNG"), here("sub", "c.mp4")];
    expect(await run(engine, { inputs }, interruption.signal)).toBe(130);
    const cancelled = engine.calls.filter(({ name }) => name === "cancel_task").map(({ input }) => input);
    expect(cancelled).toEqual([{ task_id: "task0002" }, { task_id: "task0003" }]);
  });

  it("refuses one idempotency key for several inputs", async () => {
    const several = { inputs: [here("a.jpg"), here("b.PNG")], parameters: { idempotency_key: "k" } };
    await expect(run(engineWhere(completed), several)).rejects.toThrow(/--idempotency-key/);
  });
});

describe("progress", () => {
  it.each([
    [{ status: "queued", queue_position: 3, stage: null }, "waiting, number 3 in the queue"],
    [{ status: "queued", queue_position: 3, stage: "downloading a 5 %" }, "downloading a 5 %, number 3 in the queue"],
    [{}, "upscaling, 42 of 100 frames, 1 min 10 s left"],
    [{ frames_total: 1, eta: null }, "upscaling"],
    [{ status: "completed", stage: null, eta: null, frames_total: null }, "completed"],
  ] as const)("%j", (changes, text) => {
    expect(progressText(aTask(changes))).toBe(text);
  });

  it.each([
    [0.2, "1 s"],
    [59, "59 s"],
    [61, "1 min 1 s"],
    [7500, "2 h 5 min"],
  ])("%d s is %s", (seconds, text) => {
    expect(durationText(seconds)).toBe(text);
  });

  it("writes plain lines where there is no terminal, one for each stage and tenth", () => {
    const lines: string[] = [];
    const stream = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
    const view = showProgress("clip.mp4", stream);
    for (const progress of [41, 42, 49, 50]) view.update(aTask({ progress, eta: null, frames_total: null }));
    view.end();
    expect(lines).toEqual(["clip.mp4: 41 %, upscaling\n", "clip.mp4: 50 %, upscaling\n"]);
  });
});
