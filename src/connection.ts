import type { Engine } from "../engine/index.ts";
import { callerOf, settingText } from "./config.ts";
import type { Settings } from "./config.ts";
import { programEntry, programVersion } from "./installation.ts";
import { settingNames, settingsTable } from "./settings.ts";
import type { Setting } from "./settings.ts";

/** The engine these settings mean, found or started at the first call. The caller closes it. */
export async function connect(settings: Settings): Promise<Engine> {
  const { connectEngine } = await import("../engine/index.ts");
  return connectEngine({
    stateDir: settings.values.SEEDVR2_STATE_DIR,
    caller: callerOf(settings),
    launch: { command: process.execPath, args: [programEntry(), ...engineArguments(settings)] },
    version: programVersion(),
    apiUrl: settings.values.SEEDVR2_API_URL,
    apiToken: settings.values.SEEDVR2_API_TOKEN,
  });
}

/**
 * How an engine is started that has our settings: it inherits the environment and finds the settings file itself, so
 * that only flags are handed on. The caller's own settings go with each submission instead.
 */
export function engineArguments(settings: Settings): string[] {
  const flags = settingNames.flatMap((name) => {
    const { flag, owner }: Setting = settingsTable[name];
    if (!flag || settings.origins[name] !== "flag" || owner === "caller" || name === "SEEDVR2_API_URL") return [];
    return [flag.text.split(" ")[0]!, settingText(settings, name)];
  });
  return ["serve", "--idle-exit", ...flags];
}

/** Runs `use` with the engine and lets go of it afterwards. */
export async function withEngine<T>(settings: Settings, use: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = await connect(settings);
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}
