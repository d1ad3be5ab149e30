import { freemem, totalmem } from "node:os";
import type { DeviceChoice } from "../onnx/device-choice.ts";

/** Bytes left to the system, decoder, encoder and everything else. */
const RESERVE = 2e9;
const GB = 1e9;

/**
 * Bytes that a task may plan with on a device: the machine's memory (see below), and no more than a GPU has. Without
 * what is free now it is what a task could have when nothing else runs: what submissions are judged by.
 */
export function deviceBudget(choice: DeviceChoice | undefined, free = freemem()): number {
  return Math.min(memoryBudget(memoryLimit(), free), choice?.memory ?? Infinity);
}

/**
 * Bytes that a task may plan with: what the machine or the control group allows, less a reserve, rounded down to GB; less
 * free memory at the moment lowers it. Asked once, when a task starts.
 */
export function memoryBudget(limit = memoryLimit(), free = freemem()): number {
  return Math.max(1, Math.floor((Math.min(limit, free) - RESERVE) / GB)) * GB;
}

/** A control group without a limit answers with 0 or with a number larger than any machine. */
function memoryLimit(): number {
  return Math.min(process.constrainedMemory() || Infinity, totalmem());
}
