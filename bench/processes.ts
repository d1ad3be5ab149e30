import { readFileSync, readdirSync } from "node:fs";

/** Memory of a process. */
interface Held {
  readonly pid: number;
  readonly name: string;
  /** Its own, in MB: what it allocated and what it shares by tmpfs, without mapped files. */
  readonly megabytes: number;
  /** Of mapped files, in MB. */
  readonly mapped: number;
}

/** The unit of /proc's times on all processors Node runs on. */
const TICKS_A_SECOND = 100;
/** Looked at so often. Milliseconds. */
const EVERY = 50;

/**
 * Watches the memory of a process and all it has started (Linux: RssAnon + RssShmem in /proc) while `work` is done.
 * Resolves to the moment at which they held most, in MB: the sum and what each had, by name.
 */
export async function peakMemory(
  pid: number,
  work: () => Promise<unknown>,
): Promise<{ total: number; byName: ReadonlyMap<string, number> }> {
  let peak = { total: 0, byName: new Map<string, number>() };
  await watched(work, () => {
    const held = [pid, ...descendants(pid)].flatMap(memoryOf);
    const total = held.reduce((sum, { megabytes }) => sum + megabytes, 0);
    if (total > peak.total) peak = { total, byName: sumByName(held, pid) };
  });
  return peak;
}

/** Does the work and looks again and again meanwhile. */
async function watched(work: () => Promise<unknown>, look: () => void): Promise<void> {
  const looking = setInterval(look, EVERY);
  try {
    await work();
  } finally {
    clearInterval(looking);
  }
}

/** Looks between two searches for new processes, which take a while. */
const SEARCH_EVERY = 20;

/**
 * The most memory that the processes below a process held at once while `work` was done, in MB: their own, and that of
 * mapped files, which the system may take back.
 */
export async function peakBelow(pid: number, work: () => Promise<unknown>): Promise<{ own: number; mapped: number }> {
  const peak = { own: 0, mapped: 0 };
  let known: number[] = [];
  let looks = 0;
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  await watched(work, () => {
    if (looks++ % SEARCH_EVERY === 0) known = descendants(pid);
    const held = known.flatMap(memoryOf);
    peak.own = Math.max(peak.own, sum(held.map(({ megabytes }) => megabytes)));
    peak.mapped = Math.max(peak.mapped, sum(held.map(({ mapped }) => mapped)));
  });
  return peak;
}

/**
 * Seconds of processor time that a process and all it has started have used so far, ended ones that were waited for
 * included (Linux).
 */
export function processorSeconds(pid: number): number {
  const ticks = [pid, ...descendants(pid)].map((id) => {
    // After the name in brackets: state is field 3 of proc(5), user and system time, own and children's, are 14 to 17.
    const fields = readProc(id, "stat")
      .replace(/^.*\) /s, "")
      .split(" ")
      .slice(11, 15);
    return fields.reduce((sum, field) => sum + Number(field), 0);
  });
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_A_SECOND;
}

function sumByName(held: readonly Held[], engine: number): Map<string, number> {
  const sums = new Map<string, number>();
  for (const { pid, name, megabytes } of held) {
    const role = pid === engine ? "engine" : name.startsWith("ffmpeg") ? "ffmpegs" : "worker";
    sums.set(role, (sums.get(role) ?? 0) + megabytes);
  }
  return sums;
}

/**
 * All processes that this one has started, and those that they have. A process between fork and exec is left out: it
 * shares its parent's memory, which would count twice, and still has its command line.
 */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const id of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    const parent = Number(/\) \S (\d+)/.exec(readProc(id, "stat"))?.[1]);
    children.set(parent, [...(children.get(parent) ?? []), id]);
  }
  const below = (id: number): number[] => {
    const command = readProc(id, "cmdline");
    const started = (children.get(id) ?? []).filter((child) => readProc(child, "cmdline") !== command);
    return started.flatMap((child) => [child, ...below(child)]);
  };
  return below(pid);
}

function memoryOf(pid: number): Held[] {
  const status = readProc(pid, "status");
  const field = (name: string) => new RegExp(`^${name}:\\s+(\\S+)`, "m").exec(status)?.[1];
  const name = field("Name");
  if (name === undefined) return [];
  // What the kernel calls kB is 1024 bytes.
  const inMegabytes = (names: readonly string[]) =>
    (names.reduce((sum, each) => sum + Number(field(each) ?? 0), 0) * 1024) / 1e6;
  return [{ pid, name, megabytes: inMegabytes(["RssAnon", "RssShmem"]), mapped: inMegabytes(["RssFile"]) }];
}

/** Empty where the process has just ended. */
function readProc(pid: number, what: "cmdline" | "stat" | "status"): string {
  try {
    return readFileSync(`/proc/${pid}/${what}`, "utf8");
  } catch {
    return "";
  }
}
