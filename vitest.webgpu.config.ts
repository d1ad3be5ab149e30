import { defineConfig } from "vitest/config";
import base from "./vitest.config.ts";

/** Tests on a GPU or a software adapter, one file after the other: software compiles each program for seconds. */
export default defineConfig({
  test: {
    ...base.test,
    include: ["test/webgpu/**/*.test.ts"],
    exclude: [],
    maxWorkers: 1,
    testTimeout: 1_200_000,
    hookTimeout: 1_200_000,
  },
});
