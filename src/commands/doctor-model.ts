import { createRequire } from "node:module";
import { availableParallelism, totalmem } from "node:os";
import { basename, join } from "node:path";
import { EngineError } from "../../engine/index.ts";
import type { Engine, ModelEntry } from "../../engine/index.ts";
import { examineFile } from "../../engine/models/examination/examine-file.ts";
import { notePassed } from "../../engine/models/examination/passed-files.ts";
import { sha256Of } from "../../engine/models/file-hash.ts";
import { knownModel, runnableModel } from "../../engine/models/model-list.ts";
import { autoencoderFile, publishedFile, publishedHash } from "../../engine/models/published-files.ts";
import type { Settings } from "../config.ts";
import { withEngine } from "../connection.ts";
import { factLines, withoutPrivateNames, type FileFacts, type ModelFacts } from "../doctor/model-facts.ts";
import { isGood, verdictOf, verdicts } from "../doctor/model-verdict.ts";
import { tryPicture } from "../doctor/try-picture.ts";
import { printJson, printLine } from "../failure.ts";
import { programVersion, projectRoot } from "../installation.ts";
import { listenForInterruption } from "../interruption.ts";
import { table } from "../table.ts";

/** Rows of each matrix that are looked at: sixteen times what the first task looks at. */
const ROWS = 192;

interface DoctorModelWish {
  readonly settings: Settings;
  /** The model's name, in full or short. */
  readonly wanted: string;
  readonly signal: AbortSignal;
}

/** Looks at a model's files, has it enlarge a picture, and prints what was found; the exit code tells. */
export async function doctorModel(settings: Settings, wanted: string, json: boolean): Promise<number> {
  if (settings.values.SEEDVR2_API_URL !== null) {
    throw new EngineError("invalid_parameter", {
      what: "The models of an engine elsewhere (SEEDVR2_API_URL) cannot be looked at from here.",
      todo: "Run seedvr2 doctor --model on that machine.",
    });
  }
  const interruption = listenForInterruption();
  try {
    const wish = { settings, wanted, signal: interruption.signal };
    const { verdict, lines } = await withEngine(settings, (engine) => examineModel(engine, wish));
    if (json) printJson({ verdict, facts: lines.map(([about, text]) => ({ about, text })) });
    else printLine(["--- seedvr2 doctor --model ---", table(["", ""], lines), "--- end ---"].join("\n"));
    return verdicts[verdict].exit;
  } finally {
    interruption.end();
  }
}

/** The verdict on a model, and the block of facts behind it. Throws where the model is not there. */
async function examineModel(engine: Engine, { settings, wanted, signal }: DoctorModelWish) {
  const { models } = await engine.call("list_available_models", {});
  const known = knownModel(models, wanted);
  const entry = known.installed ? known : runnableModel(models, wanted);
  const files = await examinations(entry, signal);
  const faults = [...files.values()].flatMap((examination) => examination.faults);
  // What cannot be read cannot be tried; where nothing but other files is missing, that is the answer.
  if (!entry.runnable && faults.length === 0) runnableModel(models, wanted);
  const wish = { settings, model: entry.name, signal };
  const trial = entry.runnable ? await tryPicture(engine, wish) : null;
  const builtin = models.find((model) => model.builtin);
  const needsControl = trial !== null && !isGood(trial) && builtin !== undefined && !entry.builtin;
  const control = needsControl ? await tryPicture(engine, { ...wish, model: builtin.name }) : undefined;
  const verdict = verdictOf({ faults, trial, ...(control && { control }) });
  if (verdict === "passed") await remember(pathsOf(entry), settings);
  const named = entry.builtin || publishedFile(entry.name) ? entry.name : "a file of no published name";
  const facts: ModelFacts = {
    ...{ verdict, program: programText(), files, trial, rows: ROWS, ...(control && { control }) },
    model: `${named} (${entry.params}, ${entry.precision})`,
  };
  return { verdict, lines: withoutNames(factLines(facts), entry) };
}

/** Transformer and autoencoder; nothing of the built-in model, which is no checkpoint. */
async function examinations(entry: ModelEntry, signal: AbortSignal): Promise<ReadonlyMap<string, FileFacts>> {
  const files = new Map<string, FileFacts>();
  for (const [index, path] of pathsOf(entry).entries()) {
    process.stderr.write(`Looking at ${basename(path)} …\n`);
    const examined = await examineFile(path, { rows: ROWS, signal });
    const published = publishedHash(basename(path));
    const sha256 = published === null ? null : await sha256Of(path, signal);
    files.set(index === 0 ? "file" : "autoencoder", { ...examined, hashes: { published, sha256 } });
  }
  return files;
}

function pathsOf({ builtin, path, autoencoder }: ModelEntry): string[] {
  if (builtin || path === null) return [];
  return [path, ...(autoencoder === undefined ? [] : [autoencoder])];
}

/** The first task need not look again. */
async function remember(paths: readonly string[], settings: Settings): Promise<void> {
  for (const path of paths) await notePassed(settings.values.SEEDVR2_STATE_DIR, path);
}

function withoutNames(lines: ReturnType<typeof factLines>, entry: ModelEntry) {
  const names = [entry.name, autoencoderFile.name];
  const published = new Set(names.filter((name) => publishedFile(name) ?? name === autoencoderFile.name));
  const paths = [...pathsOf(entry), ...(entry.prompt ? [entry.prompt] : []), join(projectRoot(), "package.json")];
  return lines.map(([about, text]) => [about, withoutPrivateNames(text, { paths, published })] as const);
}

function programText(): string {
  const load = createRequire(join(projectRoot(), "package.json"));
  const { version } = load("onnxruntime-node/package.json") as { version: string };
  const machine = `${process.platform} ${process.arch}, ${availableParallelism()} processors, ${(totalmem() / 1e9).toFixed(0)} GB`;
  return `seedvr2 ${programVersion()}, onnxruntime ${version}, Node ${process.versions.node}, ${machine}`;
}
