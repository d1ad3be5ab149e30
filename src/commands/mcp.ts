import { loadSettings } from "../config.ts";
import type { Settings, SettingFlags } from "../config.ts";
import { connect } from "../connection.ts";
import { reportFailure } from "../failure.ts";
import { programVersion } from "../installation.ts";
import type { Engine } from "../../engine/index.ts";

/** Speaks MCP on stdin and stdout until the host ends it; the exit code. Touches no engine until a tool is called. */
export async function startMcp(flags: SettingFlags = {}): Promise<number> {
  try {
    await serveMcp(loadSettings(flags));
    return 0;
  } catch (error) {
    return reportFailure(error, false);
  }
}

async function serveMcp(settings: Settings): Promise<void> {
  const { serveStdio } = await import("../../mcp/index.ts");
  let engine: Promise<Engine> | undefined;
  await new Promise<void>((resolve, reject) => {
    serveStdio({
      engine: () => (engine ??= connect(settings)),
      version: programVersion(),
      maxWaitSeconds: settings.values.SEEDVR2_MCP_MAX_WAIT,
      input: process.stdin,
      output: process.stdout,
      onClose: resolve,
    }).catch(reject);
  });
  await (await engine)?.close();
}
