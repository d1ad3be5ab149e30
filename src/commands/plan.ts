import { resolve } from "node:path";
import type { OperationInput } from "../../engine/index.ts";
import { callerOf } from "../config.ts";
import type { Settings } from "../config.ts";
import { withEngine } from "../connection.ts";
import { printJson, printLine } from "../failure.ts";
import { callerFor } from "../upscale/inputs.ts";

export interface PlanWish {
  readonly file: string;
  /** Task parameters by name, as given. */
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly json: boolean;
}

/** Says what enlarging a file would do and need here; a plan that does not fit is an answer too. The exit code. */
export async function plan(settings: Settings, { file, parameters, json }: PlanWish): Promise<number> {
  const path = resolve(file);
  const job = { file: path, outputPath: null, outputFolder: settings.values.OUTPUT_FOLDER };
  const caller = callerFor(callerOf(settings), job);
  const input = { ...parameters, file_path: path } as OperationInput<"plan">;
  const answer = await withEngine(settings, (engine) => engine.call("plan", input, { caller }));
  if (json) printJson(answer);
  else printLine(answer.summary);
  return 0;
}
