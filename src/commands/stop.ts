import type { Settings } from "../config.ts";
import { withEngine } from "../connection.ts";
import { engineOwner } from "../engine-owner.ts";
import { printJson } from "../failure.ts";

/** Ends the engine after its last finished segment; starts none to do so. */
export async function stopEngine(settings: Settings, json: boolean): Promise<number> {
  const isLocal = settings.values.SEEDVR2_API_URL === null;
  const answer =
    isLocal && !engineOwner(settings.values.SEEDVR2_STATE_DIR)
      ? { status: "stopped", message: "No engine is running." }
      : await withEngine(settings, (engine) => engine.call("stop_engine", {}));
  if (json) printJson(answer);
  else process.stderr.write(`${answer.message}\n`);
  return 0;
}
