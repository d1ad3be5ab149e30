import type { Caller, Engine } from "../engine.ts";
import { engineProtocol } from "../owner/protocol.ts";
import { RemoteEngine } from "./remote-engine.ts";
import { RestEngine } from "./rest-engine.ts";
import { localLocator } from "./start-engine.ts";
import type { Launch } from "./start-engine.ts";

/** Which engine, and for whom. */
export interface Connection {
  readonly stateDir: string;
  readonly caller: Caller;
  readonly launch: Launch;
  readonly version: string;
  /** Use the engine behind this REST address instead of this machine's own. */
  readonly apiUrl: string | null;
  readonly apiToken: string | null;
}

/** The engine for a surface outside its process. Touches nothing until the first call. */
export function connectEngine(connection: Connection): Engine {
  const { apiUrl, apiToken, caller } = connection;
  if (apiUrl !== null) return new RestEngine({ apiUrl, apiToken, outputFolder: caller.outputFolder });
  const expected = { version: connection.version, protocol: engineProtocol };
  return new RemoteEngine(localLocator(connection.stateDir, connection.launch, expected), caller);
}
