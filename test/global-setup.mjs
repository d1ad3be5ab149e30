import { ensureBuilt } from "../bin/build.js";

/** Tests of processes run what users run: the build of the sources as they are. */
export async function setup() {
  await ensureBuilt();
}
