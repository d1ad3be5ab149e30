/**
 * `npm run check`: types, lint, format, directions between folders, dead code, names, doc comments, fresh documents,
 * fast tests. One line a step with its time; output only of steps that fail; exit code 1 if any does. Words after
 * `--` choose steps: `npm run check -- types lint`, or leave some out: `npm run check -- --without tests`.
 */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { undocumentedExports } from "./documented-exports.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const codeFolders = ["bin", "src", "engine", "mcp", "http", "test", "bench", "scripts"];
const publicFaces = ["engine/index.ts", "mcp/index.ts", "http/index.ts"];

/** Runs a package's command with node itself; resolves to its output if it fails. */
function runs(script, ...parameters) {
  return () =>
    new Promise((resolve) => {
      const options = { cwd: root, maxBuffer: 64 * 1024 * 1024 };
      execFile(process.execPath, [join(root, script), ...parameters], options, (error, stdout, stderr) => {
        resolve(error ? [stdout + stderr || error.message] : []);
      });
    });
}

const present = (folders) => folders.filter((folder) => existsSync(join(root, folder)));
const directions = (config) =>
  runs(
    "node_modules/dependency-cruiser/bin/dependency-cruise.mjs",
    "--config",
    `scripts/${config}`,
    ...present(["src", "engine", "mcp", "http"]),
  );

/** Each answers what is wrong, as lines. Quick and telling ones first. */
const steps = {
  names: async () => codeFolders.flatMap((folder) => badNames(folder)),
  types: runs("node_modules/typescript/bin/tsc", "--noEmit", "--project", "."),
  "doc comments": async () => undocumentedExports(root, present(publicFaces)),
  directions: directions("dependency-cruiser.cjs"),
  "native code only in the worker": directions("dependency-cruiser-native.cjs"),
  format: runs("node_modules/prettier/bin/prettier.cjs", "--check", "--log-level", "warn", "."),
  lint: runs("node_modules/eslint/bin/eslint.js", "--max-warnings", "0", "."),
  "dead code": runs("node_modules/knip/bin/knip.js", "--no-progress", "--config", "scripts/knip.json"),
  documents: runs("scripts/docs.mjs", "--check"),
  tests: runs("node_modules/vitest/vitest.mjs", "run", "--exclude", "test/slow/**"),
};

/** Names that say nothing, and ones that are not kebab-case (test.ts, d.ts and the like may follow). */
function badNames(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    const stem = entry.name.split(".")[0];
    const isCode = entry.isDirectory() || /\.(ts|js|mjs|cjs)$/.test(entry.name);
    // Pictures and clips have their own names; __snapshots__ is the test runner's.
    if (path === "test/fixtures" || entry.name === "__snapshots__") return [];
    return [
      ...(isCode && /^(utils?|helpers?|misc|common)$/.test(stem) ? [`${path}: a name that says nothing`] : []),
      ...(isCode && !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem) ? [`${path}: not kebab-case`] : []),
      ...(entry.isDirectory() ? badNames(path) : []),
    ];
  });
}

const words = process.argv.slice(2).filter((word) => word !== "--");
const leftOut = words[0] === "--without";
const chosen = leftOut ? words.slice(1) : words;
const unknown = chosen.filter((name) => !(name in steps));
if (unknown.length) {
  process.stderr.write(`No such step: ${unknown.join(", ")}. There are: ${Object.keys(steps).join(", ")}.\n`);
  process.exit(2);
}
for (const [name, step] of Object.entries(steps)) {
  if (chosen.length && chosen.includes(name) === leftOut) continue;
  const begun = performance.now();
  const problems = await step();
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`${problems.length ? "FAILED" : "ok    "}  ${name} (${seconds} s)\n`);
  if (problems.length) {
    process.stdout.write(`${problems.join("\n").trimEnd()}\n`);
    process.exitCode = 1;
  }
}
