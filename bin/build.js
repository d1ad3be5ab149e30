import { randomBytes } from "node:crypto";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { asBuild, buildHomes, liveOwner, projectRoot, sourceStamp } from "./current-build.js";

/** Entries of the program: what starts it, the engine's child process and that child's computing thread. */
const entryPoints = {
  main: "src/main.ts",
  worker: "engine/worker/main.ts",
  "upscaler-thread": "engine/upscalers/upscaler-thread.ts",
};

/** Native packages, packages that read files of their own or start threads from them, and what only development has. */
const external = [
  "onnxruntime-node",
  "sharp",
  "libsql",
  "@ffmpeg-installer/ffmpeg",
  "swagger-ui-dist",
  "esbuild",
  "pino",
];

/** Bundled CommonJS packages call require, which ECMAScript modules lack. Made at the first call: each chunk has it. */
const banner = {
  js:
    'import { createRequire as makeRequire } from "node:module"; let madeRequire; ' +
    "const require = (name) => (madeRequire ??= makeRequire(import.meta.url))(name);",
};

const keptBuilds = 5;
const unwritable = new Set(["EACCES", "EPERM", "EROFS", "ENOTDIR", "EEXIST"]);

/** Makes the current build of the project, in its dist/ or the user's cache, or waits for who is at it. Its place. */
export async function ensureBuilt(root = projectRoot) {
  const stamp = sourceStamp(root);
  let refusal;
  for (const home of buildHomes(root)) {
    try {
      mkdirSync(home, { recursive: true });
      await underLock(home, join(home, stamp, "build.json"), () => buildInto(root, home, stamp));
      return asBuild(join(home, stamp));
    } catch (error) {
      if (!unwritable.has(error.code)) throw error;
      refusal = error;
    }
  }
  throw refusal;
}

/**
 * Runs `make` unless `wanted` is there, one process at a time. A lock whose owner is dead is taken over. Should two
 * processes both take it over they build twice, which costs time only: each builds aside and renames.
 */
async function underLock(home, wanted, make) {
  const lock = join(home, "build.lock");
  while (!existsSync(wanted)) {
    try {
      writeFileSync(lock, String(process.pid), { flag: "wx" });
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
      if (liveOwner(lock) === undefined) rmSync(lock, { force: true });
      else await delay(50);
      continue;
    }
    try {
      if (!existsSync(wanted)) await make();
    } finally {
      rmSync(lock, { force: true });
    }
  }
}

async function buildInto(root, home, stamp) {
  const aside = join(home, `.${stamp}.${randomBytes(4).toString("hex")}`);
  try {
    const entries = await bundle(root, aside);
    const inProject = home === join(root, "dist");
    // In the cache nothing above the build has the packages that stay outside the bundle.
    if (!inProject) symlinkSync(join(root, "node_modules"), join(aside, "node_modules"), "junction");
    writeFileSync(join(aside, "build.json"), JSON.stringify({ root: inProject ? "../.." : root }));
    publish(aside, join(home, stamp));
    for (const entry of entries) {
      // The form of `export *` keeps an entry's exports, should it have some.
      writeWhole(join(home, `${entry}.js`), `export * from "./${stamp}/${entry}.js";\n`);
    }
    removeOld(home, stamp);
  } finally {
    rmSync(aside, { recursive: true, force: true });
  }
}

async function bundle(root, outdir) {
  const { build } = await import("esbuild");
  const present = Object.entries(entryPoints).filter(([, source]) => existsSync(join(root, source)));
  await build({
    absWorkingDir: root,
    entryPoints: Object.fromEntries(present),
    outdir,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20",
    splitting: true,
    chunkNames: "chunk-[hash]",
    sourcemap: "linked",
    // Names stay for readable stacks; less text is less to compile at each start.
    minifyWhitespace: true,
    minifySyntax: true,
    external,
    banner,
    logLevel: "silent",
  });
  // Served as files by http, which finds them beside its code: here as in the sources.
  const page = join(root, "http", "page");
  if (existsSync(page)) cpSync(page, join(outdir, "page"), { recursive: true });
  return present.map(([entry]) => entry);
}

/** Gives a finished build its name; if another process was faster, its build is as good as ours. */
function publish(aside, folder) {
  try {
    renameSync(aside, folder);
  } catch (error) {
    if (!existsSync(join(folder, "build.json"))) throw error;
  }
}

function writeWhole(path, text) {
  const aside = `${path}.${randomBytes(4).toString("hex")}`;
  writeFileSync(aside, text);
  renameSync(aside, path);
}

/** Earlier builds go, except the last few: a program started from one may still load parts of it. */
function removeOld(home, stamp) {
  const builds = readdirSync(home, { withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && /^[0-9a-f]{16}$/.test(entry.name) && entry.name !== stamp,
  );
  const byAge = builds
    .map(({ name }) => ({ path: join(home, name), made: statSync(join(home, name)).mtimeMs }))
    .sort((a, b) => b.made - a.made);
  for (const { path } of byAge.slice(keptBuilds - 1)) rmSync(path, { recursive: true, force: true });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { folder } = await ensureBuilt();
  process.stdout.write(`${folder}\n`);
}
