import { execFile } from "node:child_process";
import { deviceTrial, type DeviceTrial } from "../onnx/device-choice.ts";
import { deviceName, type Device } from "../onnx/providers.ts";

/** Word on the worker's command line that makes it try a device, say how that went, and end. */
export const TRY_DEVICE = "--try-device";

/** Starting a GPU's runtime and compiling its programs for the first time can take long. Milliseconds. */
const PATIENCE = 120_000;

export interface TrialWorker {
  /** JavaScript file of the worker. */
  readonly entry: string;
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Tries a device in a process of its own: a driver that crashes crashes only that. Never rejects, except when `signal`
 * ends it.
 */
export async function tryDeviceApart(
  device: Device,
  { entry, environment, signal }: TrialWorker,
): Promise<DeviceTrial> {
  const name = deviceName(device);
  const failed = (reason: string): DeviceTrial => ({ device: name, works: false, reason });
  return new Promise((resolve, reject) => {
    const options = { timeout: PATIENCE, env: { ...environment }, signal, killSignal: "SIGKILL" as const };
    execFile(process.execPath, [entry, TRY_DEVICE, JSON.stringify(device)], options, (error, stdout, stderr) => {
      if (signal?.aborted) return reject(signal.reason);
      const line = stdout.split("\n").find((text) => text.startsWith("{"));
      if (line !== undefined) return resolve(deviceTrial.parse(JSON.parse(line)));
      if (error?.killed) return resolve(failed(`It gave no answer within ${PATIENCE / 1000} s.`));
      const how = error?.signal ? `signal ${error.signal}` : `exit code ${error?.code ?? 0}`;
      const printed = stderr.trim().split("\n").at(-1);
      resolve(failed(`The process that tried it ended (${how})${printed ? `: ${printed}` : "."}`));
    });
  });
}
