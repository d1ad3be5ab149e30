import { asEngineError } from "../../engine/index.ts";
import type { EngineFile } from "../../engine/index.ts";
import type { Settings } from "../config.ts";
import { settingText } from "../config.ts";
import { withEngine } from "../connection.ts";
import { settingNames } from "../settings.ts";
import type { SettingName } from "../settings.ts";
import type { Finding } from "./finding.ts";

/** Who runs the engine and which of its settings are not ours. Starts none. */
export async function engineFindings(settings: Settings, owner: EngineFile | null): Promise<Finding[]> {
  const url = settings.values.SEEDVR2_API_URL;
  if (url !== null) return [await remoteFinding(settings, url)];
  if (!owner) return [{ about: "engine", state: "ok", text: "none is running; the first call starts one" }];
  const text = `process ${owner.pid} on port ${owner.port}`;
  try {
    const engine = await withEngine(settings, (remote) => remote.call("describe_engine", {}));
    const about = `${text}, version ${engine.version}, since ${engine.started_at}`;
    return [{ about: "engine", state: "ok", text: about }, ...differences(settings, engine.settings)];
  } catch (error) {
    return [{ about: "engine", state: "problem", text: `${text} does not answer: ${asEngineError(error).message}` }];
  }
}

async function remoteFinding(settings: Settings, url: string): Promise<Finding> {
  try {
    const { version } = await withEngine(settings, (engine) => engine.call("get_health", {}));
    return { about: "engine", state: "ok", text: `${url} (SEEDVR2_API_URL), version ${version}` };
  } catch (error) {
    return { about: "engine", state: "problem", text: asEngineError(error).message };
  }
}

/** Settings in which the running engine differs from what a new one would get from here. */
function differences(settings: Settings, running: Readonly<Record<string, string>>): Finding[] {
  const isOurs = (name: string): name is SettingName => settingNames.includes(name as SettingName);
  return Object.entries(running)
    .filter(([name, value]) => isOurs(name) && settingText(settings, name) !== value)
    .map(([name, value]) => ({
      about: `setting ${name}`,
      state: "note" as const,
      text: `the running engine has ${JSON.stringify(value)}, here it is ${JSON.stringify(settingText(settings, name as SettingName))}`,
      todo: 'To use the one from here, run "seedvr2 stop"; the next call starts an engine with it.',
    }));
}
