import { homedir, hostname } from "node:os";
import { copyFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readValues } from "../../engine/weights/decode.ts";
import { openCheckpoint } from "../../engine/weights/checkpoint.ts";
import { f32Data } from "../../engine/weights/safetensors-writer.ts";
import { golden } from "../fixtures/golden-path.ts";
import { changedCheckpoint } from "../seedvr2/changed-checkpoint.ts";
import { tinyModel } from "../seedvr2/tiny-models.ts";
import { makePicture } from "./media.ts";
import { TestMachine } from "./program.ts";

const TENSOR = "blocks.1.mlp.vid.proj_out.weight";

/** A machine with a tiny random model, whose transformer may be spoilt: a value that is no number. */
async function machineWithModel({ spoilt }: { spoilt: boolean }) {
  const machine = await TestMachine.make();
  const { path } = await tinyModel(join(machine.stateDir, "models"));
  if (!spoilt) return machine;
  const tensor = (await openCheckpoint(path)).tensors.get(TENSOR)!;
  const values = (await readValues(tensor)).with(0, Number.NaN);
  const changed = join(machine.folder, "changed.safetensors");
  await changedCheckpoint(path, changed, (tensors) => void tensors.set(TENSOR, f32Data(tensor.shape, values)));
  await rename(changed, path);
  return machine;
}

it("doctor passes the built-in model, whose picture comes out well", async () => {
  const machine = await TestMachine.make();
  const { code, stdout } = await machine.run(["doctor", "--model", "builtin_x2"]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/verdict +passed\./);
  expect(Number(/reduced again ([\d.]+) dB/.exec(stdout)?.[1])).toBeGreaterThan(25);
});

it("doctor tells of a random network what its file holds, and that its picture is none", async () => {
  const machine = await machineWithModel({ spoilt: false });
  const { code, stdout } = await machine.run(["doctor", "--model", "3b_fp16"]);
  expect(code).toBe(1);
  expect(stdout).toMatch(/verdict +file\./);
  expect(stdout).toContain("seedvr2_ema_3b_fp16.safetensors (3B, FP16)");
  expect(stdout).toContain("not the file published under this name");
  expect(stdout).toMatch(/transformer of the 3B kind, 4 blocks \(2 with own weights\), width 48, 3 heads/);
  expect(stdout).toMatch(/norms: \d+, size [\d.]+ to [\d.]+ \(plausible 0\.02 to 50\)/);
  expect(stdout).toMatch(/built-in model +160×120 to 320×240 in [\d.]+ s on cpu: reduced again [\d.]+ dB/);
  expect(stdout).not.toContain("fault");
  for (const name of [machine.folder, homedir(), hostname()]) expect(stdout).not.toContain(name);
});

it("doctor names the tensor that makes a file fail, for programs too, and no private file name", async () => {
  const machine = await machineWithModel({ spoilt: true });
  const own = join(machine.stateDir, "models", "ann-s-own.safetensors");
  await copyFile(join(machine.stateDir, "models", "seedvr2_ema_3b_fp16.safetensors"), own);
  const { code, stdout } = await machine.run(["doctor", "--model", "ann-s-own", "--json"]);
  expect(code).toBe(1);
  expect(stdout).not.toContain("ann-s-own");
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "file",
    facts: expect.arrayContaining([
      { about: "fault", text: expect.stringMatching(`^${TENSOR} holds 1 values that are no numbers`) },
      { about: "picture", text: expect.stringMatching(/none after .*provider_failed\. .*computed values that are no/) },
    ]),
  });
});

it("the first task with a file looks at it, and the notes or the failure say what is odd", async () => {
  const machine = await machineWithModel({ spoilt: true });
  const picture = await makePicture(machine.folder, "p.png");
  const upscale = (model: string) =>
    machine.run(["upscale", picture, "--dit-model", model, "--resolution", "45", "--json"]);
  const failed = await upscale("3b_fp16");
  expect(failed.code).toBe(1);
  expect(JSON.parse(failed.stdout)).toMatchObject({ status: "failed", error_code: "provider_failed" });
  expect(failed.stdout).toContain(`${TENSOR} holds 1 values that are no numbers`);
  // Norms a hundred times too large give a picture all the same.
  const norm = "blocks.1.attn.norm_q.vid.weight";
  const large = f32Data([24], new Float32Array(24).fill(99));
  const good = golden("chain/chain_tiny_3b.dit.weights.safetensors");
  const other = join(machine.stateDir, "models", "other.safetensors");
  await changedCheckpoint(good, other, (tensors) => void tensors.set(norm, large));
  const odd = await upscale("other");
  expect(JSON.parse(odd.stdout)).toMatchObject({
    status: "completed",
    notes: expect.arrayContaining([expect.stringMatching(`^The file other.safetensors .*${norm}`)]),
  });
});
