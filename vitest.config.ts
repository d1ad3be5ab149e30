import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // Needs an adapter: npm run test:webgpu.
    exclude: ["test/webgpu/**"],
    // As in the product's worker: networks opened in tests report nothing to anybody.
    env: { ORT_DISABLE_TELEMETRY: "1" },
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    globalSetup: "test/global-setup.mjs",
    reporters: ["default"],
  },
});
