import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { sha256Of } from "../../engine/models/file-hash.ts";
import { publishedHash } from "../../engine/models/published-files.ts";

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
  ["seedvr2_ema_3b_fp16.safetensors", /^2fd0e03a[0-9a-f]{56}$/],
  ["ema_vae_fp16.safetensors", /^20678548[0-9a-f]{56}$/],
])("knows the hash published for %s", (name, hash) => expect(publishedHash(name)).toMatch(hash));

it.each(["seedvr2_ema_7b_fp8_e4m3fn.safetensors", "my-own.safetensors"])("knows none for %s", (name) => {
  expect(publishedHash(name)).toBeNull();
});
