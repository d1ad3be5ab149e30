import { setPriority } from "node:os";
import process from "node:process";
import { bareRates } from "./bare-rates.ts";

/** That of engine/worker/main.ts, so that what else the machine is doing slows both alike. */
const WORKER_NICENESS = 5;

/** A process of its own: with the worker's environment, which must be set before a process starts. */
setPriority(WORKER_NICENESS);
process.stdout.write(`${JSON.stringify(await bareRates())}\n`);
