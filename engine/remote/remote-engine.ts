import type { CallOptions, Caller, Engine } from "../engine.ts";
import { EngineError } from "../errors.ts";
import type { ErrorJson } from "../errors.ts";
import { operations } from "../operations/operations.ts";
import type { OperationInput, OperationName, OperationOutput } from "../operations/operations.ts";
import { waitForTask } from "../operations/wait.ts";
import { parseInput } from "../schemas/parse.ts";
import type { EngineFile } from "../owner/engine-file.ts";

/** Where the running engine is; `gone` marks one that did not answer, so that the next look starts another. */
export interface Locator {
  locate(): Promise<EngineFile>;
  gone(engine: EngineFile): void;
}

/** How often a call is made anew after its engine died under it. */
const TRIES = 4;

/**
 * The engine of this machine, from another process. Finds it, starts it where none runs, and asks the next one when
 * it dies: reading and waiting go on, and a submission that may have arrived is not sent twice.
 */
export class RemoteEngine implements Engine {
  private readonly locator: Locator;
  private readonly caller: Caller;

  constructor(locator: Locator, caller: Caller) {
    this.locator = locator;
    this.caller = caller;
  }

  async call<N extends OperationName>(
    name: N,
    input: OperationInput<N>,
    options: CallOptions = {},
  ): Promise<OperationOutput<N>> {
    const parsed = parseInput(operations[name].input, input);
    if (name === "wait_for_task") {
      const wait = parsed as { task_id: string; timeout: number };
      return (await waitForTask(this, wait, options)) as OperationOutput<N>;
    }
    const repeatable = operations[name].kind !== "creates" || "idempotency_key" in (input ?? {});
    for (let attempt = 1; ; attempt++) {
      const engine = await this.locator.locate();
      const answer = await this.post(engine, { name, input, caller: options.caller ?? this.caller }, options.signal);
      if (answer !== "stopping" && answer !== "unreachable" && answer !== "broken") return answer as OperationOutput<N>;
      this.locator.gone(engine);
      const mayRepeat = repeatable || answer !== "broken";
      if (attempt >= TRIES || !mayRepeat) throw lost(name, mayRepeat);
    }
  }

  async close(): Promise<void> {}

  /**
   * The answer; or "unreachable" when nothing was sent, "broken" when the connection died after sending, "stopping"
   * when the engine refused because it is about to end.
   */
  private async post(
    engine: EngineFile,
    body: { name: OperationName; input: unknown; caller: Caller },
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    let response: Response;
    try {
      response = await fetch(`http://${urlHost(engine.host)}:${engine.port}/internal/call`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-seedvr2-secret": engine.secret },
        body: JSON.stringify(body),
        ...(signal && { signal }),
      });
      const answer = (await response.json()) as { result?: unknown; error?: ErrorJson };
      if (response.ok) return answer.result;
      if (answer.error?.code === "stopping") return "stopping";
      if (answer.error?.code) throw EngineError.from(answer.error);
      return "unreachable"; // another program has the port now
    } catch (error) {
      if (error instanceof EngineError) throw error;
      if (signal?.aborted) throw new EngineError("cancelled", { what: "The call was cancelled." });
      return wasRefused(error) ? "unreachable" : "broken";
    }
  }
}

function urlHost(host: string): string {
  if (host === "0.0.0.0" || host === "::") return "127.0.0.1";
  return host.includes(":") ? `[${host}]` : host;
}

/** Whether the connection was never made, so that nothing can have arrived. */
function wasRefused(error: unknown): boolean {
  const cause = (error as { cause?: { code?: string } }).cause;
  return cause?.code === "ECONNREFUSED";
}

function lost(name: OperationName, mayRepeat: boolean): EngineError {
  return new EngineError("engine_unreachable", {
    what: "The engine ended while it was asked.",
    why: mayRepeat ? "Each one started after it ended too." : `Whether ${name} arrived is not known.`,
    todo: mayRepeat
      ? "seedvr2 doctor shows what is wrong; the log in the state folder has more."
      : "Look at the queue (get_queue_status) before submitting again.",
  });
}
