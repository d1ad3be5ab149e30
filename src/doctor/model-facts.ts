import { homedir, hostname } from "node:os";
import { basename, dirname } from "node:path";
import type { Network } from "../../engine/weights/network.ts";
import type { Examination, ExaminedContent } from "../../engine/models/examination/examine-file.ts";
import { LEAST_DECIBELS, verdicts, type Verdict } from "./model-verdict.ts";
import type { PictureTrial } from "./try-picture.ts";

/** Faults that are printed of a file. */
const PRINTED = 20;

/** What is told of one file. */
export interface FileFacts extends Examination {
  /** SHA-256 as published for its name and as it is; null, and not made, where none is published. */
  readonly hashes: { readonly published: string | null; readonly sha256: string | null };
}

/** All that the block says. */
export interface ModelFacts {
  readonly verdict: Verdict;
  /** Program, runtime and system, in words. */
  readonly program: string;
  /** The published name, or that it has none. */
  readonly model: string;
  /** By what they hold: the model, its autoencoder. */
  readonly files: ReadonlyMap<string, FileFacts>;
  /** Rows of each matrix that were looked at. */
  readonly rows: number;
  readonly trial: PictureTrial | null;
  readonly control?: PictureTrial;
}

/** The block that a user can paste into a report, as lines of name and text. */
export function factLines(facts: ModelFacts): (readonly [string, string])[] {
  const { verdict, trial, control } = facts;
  return [
    ["verdict", `${verdict}. ${verdicts[verdict].text}`],
    ["program", facts.program],
    ["device", trial?.device ?? "none was used"],
    ["model", facts.model],
    ...[...facts.files].flatMap(([name, examination]) => fileLines(name, examination, facts.rows)),
    ...(trial ? [["picture", pictureText(trial)] as const] : []),
    ...(control ? [["built-in model", pictureText(control)] as const] : []),
  ];
}

function fileLines(name: string, { bytes, content, faults, hashes }: FileFacts, rows: number) {
  const printed = faults.slice(0, PRINTED).map((fault) => ["fault", fault] as const);
  const more = faults.length - printed.length;
  const size = `${(bytes / 1e9).toFixed(2)} GB (${bytes} bytes)`;
  return [
    [name, content ? `${size}, ${content.format}, header sha256 ${content.headerSha256}` : size] as const,
    ["", publishedText(hashes)] as const,
    ...(content ? contentLines(content, rows) : []),
    ...printed,
    ...(more > 0 ? [["fault", `and ${more} more`] as const] : []),
  ];
}

/** Whether a file is, byte for byte, the one published under its name. */
export function publishedText({ published, sha256 }: FileFacts["hashes"]): string {
  if (published === null) return "not compared with a published file: no hash is known for its name";
  return sha256 === published
    ? "byte for byte the published file"
    : `not the file published under this name (sha256 ${sha256}): damaged, another version, or somebody's own`;
}

function contentLines({ network, tensors, storage, kinds, values }: ExaminedContent, rows: number) {
  const stored = [...storage].map(([words, count]) => `${count} × ${words}`).join("; ");
  const lines = kinds.map(({ kind, tensors: count, least, most }) => {
    const unit = kind.unit === "1" ? "" : ` × ${kind.unit}`;
    const bounds = kind.most === Infinity ? "not judged" : `plausible ${kind.least} to ${kind.most}`;
    return ["", `${kind.name}: ${count}, size ${digits(least)} to ${digits(most)}${unit} (${bounds})`] as const;
  });
  return [
    ["", networkText(network)] as const,
    ["", `${tensors} tensors: ${stored}`] as const,
    ["", `looked at ${values} values: ${rows} rows of each matrix, vectors whole`] as const,
    ...lines,
  ];
}

function networkText(network: Network): string {
  if (network.kind === "autoencoder") return `autoencoder, channels ${network.channels.join(", ")}`;
  const { blocks, dim, heads, outputNorm } = network;
  const own = blocks.filter(({ weights }) => weights === "own").length;
  return `transformer of the ${outputNorm ? "3B" : "7B"} kind, ${blocks.length} blocks (${own} with own weights), width ${dim}, ${heads} heads`;
}

function pictureText({ made, seconds, device }: PictureTrial): string {
  const took = `${seconds.toFixed(1)} s on ${device ?? "no device"}`;
  if ("code" in made) return `none after ${took}: ${made.code}. ${made.message}`;
  const { decibels, deviation } = made;
  return `160×120 to 320×240 in ${took}: reduced again ${digits(decibels)} dB from the input (at least ${LEAST_DECIBELS}), values deviate by ${digits(deviation)} of 255`;
}

/** Three digits that count. */
function digits(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** What may stand in texts of errors and should not leave the machine. */
export interface PrivateNames {
  /** Paths of the files in question. */
  readonly paths: readonly string[];
  /** Names of files that somebody published, which may be told. */
  readonly published: ReadonlySet<string>;
}

/** A text without folders, names of unknown files, this user's home and this machine's name. */
export function withoutPrivateNames(text: string, { paths, published }: PrivateNames): string {
  const replaced = [
    ...paths.map((path) => [dirname(path), "(folder)"] as const),
    ...paths
      .map((path) => basename(path))
      .filter((name) => !published.has(name))
      .map((name) => [name, "(file)"] as const),
    [homedir(), "(home)"] as const,
    [hostname(), "(host)"] as const,
  ];
  const known = replaced
    .filter(([name]) => name.length > 1)
    .reduce((all, [name, by]) => all.replaceAll(name, by), text);
  return known.replace(/(?<![\w×.])(\/|[A-Za-z]:\\)[^\s,;:"']*[/\\][^\s,;:"']*/g, "(path)");
}
