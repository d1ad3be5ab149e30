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
  const find = () => {
    engine ??= connect(settings).catch((error: unknown) => {
      engine = undefined; // the next call tries again
      throw error;
    });
    return engine;
  };
  await new Promise<void>((resolve, reject) => {
    serveStdio({
      engine: find,
      version: programVersion(),
      maxWaitSeconds: settings.values.SEEDVR2_MCP_MAX_WAIT,
      input: process.stdin,
      output: process.stdout,
      onClose: resolve,
      onError: (error) => process.stderr.write(`seedvr2 mcp: ${String(error)}\n`),
    }).catch(reject);
  });
  await (await engine?.catch(() => undefined))?.close();
}
