import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { isAsPublished, sha256Of } from "../../engine/models/file-hash.ts";

async function fileNamed(name: string, text: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "seedvr2-test-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

it("hashes a file's bytes (FIPS 180-4's example)", async () => {
  const path = await fileNamed("a.bin", "abc");
  expect(await sha256Of(path)).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
});

it("stops when it is told to", async () => {
  await expect(sha256Of(await fileNamed("a.bin", "abc"), AbortSignal.abort())).rejects.toThrow();
});

it.each([
  ["seedvr2_ema_3b_fp16.safetensors", false],
  ["ema_vae_fp16.safetensors", false],
  ["seedvr2_ema_7b_fp8_e4m3fn.safetensors", null], // no hash of it is published
  ["my-own.safetensors", null],
])("%s with other bytes: as published is %s", async (name, expected) => {
  expect(await isAsPublished(await fileNamed(name, "abc"))).toBe(expected);
});
