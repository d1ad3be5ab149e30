import { exitCodes } from "./exit-codes.ts";

/** Ctrl-C asks nicely the first time and leaves at once the second; `end` gives it back to Node. */
export function listenForInterruption(): { signal: AbortSignal; end: () => void } {
  const controller = new AbortController();
  const onSignal = () => {
    if (controller.signal.aborted) process.exit(exitCodes.cancelled);
    process.stderr.write("Cancelling … (Ctrl-C again leaves at once)\n");
    controller.abort();
  };
  process.on("SIGINT", onSignal).on("SIGTERM", onSignal);
  return { signal: controller.signal, end: () => process.off("SIGINT", onSignal).off("SIGTERM", onSignal) };
}
