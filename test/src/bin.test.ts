import { execFile, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildHomes } from "../../bin/current-build.js";
import { here } from "../../src/config.ts";
import { cacheFolder } from "../../src/places.ts";

const checkout = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const run = promisify(execFile);
const buildName = /^[0-9a-f]{16}$/;

let folder: string;
let project: string;

/** A project of a few lines with the real bin/ and packages, so that a build takes moments. */
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "seedvr2-bin-")));
  project = join(folder, "project");
  cpSync(join(checkout, "bin"), join(project, "bin"), { recursive: true });
  symlinkSync(join(checkout, "node_modules"), join(project, "node_modules"));
  const files = {
    "package.json": '{ "type": "module" }',
    "package-lock.json": "{}",
    "src/main.ts": `import pino from "pino"; import { part } from "./part.ts";
      process.stdout.write(JSON.stringify({ part, pino: typeof pino, url: import.meta.url, given: process.argv.slice(2) }));`,
    "src/part.ts": "export const part: number = 1;",
    "engine/worker/main.ts": 'process.stdout.write("worker");',
    "http/page/index.html": "<p>",
    "mcp/index.ts": "export {};",
  };
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(project, name)), { recursive: true });
    writeFileSync(join(project, name), text);
  }
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

interface Start {
  readonly part: number;
  readonly pino: string;
  readonly url: string;
  readonly given: string[];
}

async function start(...given: string[]): Promise<Start> {
  const environment = { ...here().environment, SEEDVR2_CACHE_DIR: join(folder, "cache") };
  const { stdout } = await run(process.execPath, [join(project, "bin/seedvr2.js"), ...given], { env: environment });
  return JSON.parse(stdout) as Start;
}

const builds = (home: string) => readdirSync(home).filter((name) => buildName.test(name));

/** What a build leaves besides builds and the files that lead to the latest. */
const leftovers = (home: string) =>
  readdirSync(home).filter((name) => !buildName.test(name) && !["main.js", "worker.js"].includes(name));

describe("the start", () => {
  it("builds where there is no build, keeps stdout for the program and hands arguments on", async () => {
    const { part, pino, url, given } = await start("a", "--b");
    expect({ part, pino, given }).toEqual({ part: 1, pino: "function", given: ["a", "--b"] });
    const [build] = builds(join(project, "dist"));
    expect(fileURLToPath(url)).toBe(join(project, "dist", build!, "main.js"));
    expect(existsSync(join(project, "dist", build!, "page", "index.html"))).toBe(true);
    expect(spawnSync(process.execPath, [join(project, "dist/worker.js")], { encoding: "utf8" }).stdout).toBe("worker");
    expect(leftovers(join(project, "dist"))).toEqual([]);
  });

  it("does not build again what is current", async () => {
    const { url } = await start();
    // A mark in the build shows whether it is the same one.
    writeFileSync(fileURLToPath(url), 'process.stdout.write(JSON.stringify({ part: "kept" }));');
    expect(await start()).toMatchObject({ part: "kept" });
  });

  it("builds again after a source has changed, and keeps the former build for who runs it", async () => {
    const first = await start();
    writeFileSync(join(project, "src/part.ts"), "export const part: number = 22;");
    const second = await start();
    expect(second.part).toBe(22);
    expect(existsSync(fileURLToPath(first.url))).toBe(true);
    expect(readFileSync(join(project, "dist/main.js"), "utf8")).toContain(dirname(second.url).split("/").at(-1));
  });

  it("keeps five builds", async () => {
    for (let age = 1; age <= 7; age++) {
      const old = join(project, "dist", `${age}`.repeat(16));
      mkdirSync(old, { recursive: true });
      utimesSync(old, 1000 - age, 1000 - age);
    }
    await start();
    expect(builds(join(project, "dist"))).toHaveLength(5);
    expect(existsSync(join(project, "dist", "5".repeat(16)))).toBe(false);
  });

  it("builds once when two start at the same time", async () => {
    const [one, other] = await Promise.all([start(), start()]);
    expect(one).toEqual(other);
    expect(builds(join(project, "dist"))).toHaveLength(1);
    expect(leftovers(join(project, "dist"))).toEqual([]);
  });

  it("takes over the lock of a process that is dead", async () => {
    const dead = spawnSync(process.execPath, ["-e", "0"]).pid;
    mkdirSync(join(project, "dist"));
    writeFileSync(join(project, "dist/build.lock"), String(dead));
    expect((await start()).part).toBe(1);
    expect(leftovers(join(project, "dist"))).toEqual([]);
  });

  it("builds into the user's cache where dist cannot be written, finding the packages from there", async () => {
    // A file in the folder's place stops also the superuser, whom permissions do not.
    writeFileSync(join(project, "dist"), "");
    chmodSync(join(project, "dist"), 0o444);
    const { pino, url } = await start();
    expect(pino).toBe("function");
    expect(fileURLToPath(url)).toContain(join(folder, "cache", "builds"));
    const record = JSON.parse(readFileSync(join(dirname(fileURLToPath(url)), "build.json"), "utf8")) as unknown;
    expect(record).toEqual({ root: project });
    expect((await start()).url).toBe(url);
  });

  it("runs dist as it is where there are no sources, as in a package", async () => {
    await start();
    for (const name of ["src", "engine", "mcp", "http"]) rmSync(join(project, name), { recursive: true });
    expect((await start()).part).toBe(1);
  });

  it("says what is wrong without a stack when it cannot build", async () => {
    writeFileSync(join(project, "src/part.ts"), "export const part: = ;");
    const failure = await start().catch((error: { code: number; stdout: string; stderr: string }) => error);
    expect(failure).toMatchObject({ code: 1, stdout: "", stderr: expect.stringContaining("src/part.ts") as string });
    expect((failure as { stderr: string }).stderr).not.toMatch(/^\s+at /m);
    expect(leftovers(join(project, "dist"))).toEqual([]);
  });
});

describe("the real program", () => {
  const seedvr2 = (...given: string[]) => {
    const environment = { ...here().environment, SEEDVR2_STATE_DIR: join(folder, "state") };
    const options = { encoding: "utf8", env: environment, input: "" } as const;
    return spawnSync(process.execPath, [join(checkout, "bin/seedvr2.js"), ...given], options);
  };

  it("prints its version, and nothing else on stdout", () => {
    const { version } = JSON.parse(readFileSync(join(checkout, "package.json"), "utf8")) as { version: string };
    expect(seedvr2("--version")).toMatchObject({ status: 0, stdout: `${version}\n`, stderr: "" });
  });

  it("prints a host's block with full paths", () => {
    const { stdout, status } = seedvr2("config", "claude");
    const args = [join(checkout, "bin/seedvr2.js"), "mcp"];
    expect(JSON.parse(stdout)).toEqual({ mcpServers: { seedvr2: { command: process.execPath, args } } });
    expect(status).toBe(0);
  });

  it("ends without an answer when a host's pipe is empty", () => {
    expect(seedvr2()).toMatchObject({ status: 0, stdout: "" });
  });

  it.each([
    [["upscale"], /missing required argument/],
    [["upscale", "x.png", "--resolutoin", "3"], /Did you mean --resolution/],
    [["nonsense"], /error/],
    [["config", "emacs"], /claude, cursor/],
    [["tasks", "status", "NO"], /task_id "NO" is not possible/],
    [["stop", "--api-url", "nowhere"], /SEEDVR2_API_URL is "nowhere"/],
  ])("%j is bad input: exit 2, told on stderr", (given, message) => {
    const { status, stdout, stderr } = seedvr2(...given);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("stops no engine where none runs, and starts none for it", () => {
    expect(seedvr2("stop")).toMatchObject({ status: 0, stdout: "", stderr: "No engine is running.\n" });
    expect(existsSync(join(folder, "state"))).toBe(false);
  });
});

it("the place of the user's cache is the same before and after the build", () => {
  expect(buildHomes(checkout)[1]).toContain(cacheFolder(here()));
});
