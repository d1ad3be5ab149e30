import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

let collect: (() => void) | undefined;

/**
 * Frees what JavaScript no longer refers to, now. Tensors and models lie outside its heap, so it sees no reason to
 * collect while gigabytes of them wait.
 */
export function collectGarbage(): void {
  if (!collect) {
    setFlagsFromString("--expose-gc");
    collect = runInNewContext("gc") as () => void;
  }
  collect();
}

/** The same, and waits until the memory of tensors has been given back: that is done in a turn of its own. */
export async function freeTensors(): Promise<void> {
  collectGarbage();
  await setImmediate();
}
