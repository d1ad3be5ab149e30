import { EngineError } from "../../engine/errors.ts";

/** The EngineError that an action throws; any other outcome fails the test. */
export function caught(action: () => unknown): EngineError {
  try {
    action();
  } catch (error) {
    if (error instanceof EngineError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown.");
}
