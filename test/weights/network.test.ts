import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { networkIn } from "../../engine/weights/network.ts";
import { golden } from "../fixtures/golden-path.ts";
import { caught } from "./caught.ts";

async function shapesOf(list: string): Promise<Map<string, { shape: number[] }>> {
  const shapes = JSON.parse(await readFile(golden(list), "utf8")) as Record<string, number[]>;
  return new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape }]));
}

describe("what network a file holds is read off its tensors", () => {
  it("3B: shared weights from block 10 on, SwiGLU, output norm", async () => {
    const network = networkIn("x", await shapesOf("dit/full_3b_tensors.json"));
    expect(network).toMatchObject({
      kind: "transformer",
      channelsIn: 33,
      channelsOut: 16,
      dim: 2560,
      heads: 20,
      headDim: 128,
      textFeatures: 5120,
      mlp: "swiglu",
      rotary: "language",
      outputNorm: true,
    });
    const blocks = network?.kind === "transformer" ? network.blocks : [];
    expect(blocks.length).toBe(32);
    expect(blocks.filter(({ weights }) => weights === "own").length).toBe(10);
    expect(blocks.filter(({ videoOnly }) => videoOnly)).toEqual([blocks[31]]);
    expect(blocks.every(({ hidden }) => hidden === 6912)).toBe(true);
  });

  it("7B: own weights everywhere, GELU, no output norm", async () => {
    const network = networkIn("x", await shapesOf("dit/full_7b_tensors.json"));
    expect(network).toMatchObject({ dim: 3072, heads: 24, mlp: "gelu", rotary: "pixel", outputNorm: false });
    const blocks = network?.kind === "transformer" ? network.blocks : [];
    expect(blocks.length).toBe(36);
    expect(blocks.every(({ weights, videoOnly }) => weights === "own" && !videoOnly)).toBe(true);
  });

  it("the autoencoder: channels, resnets, where time is halved and doubled", async () => {
    expect(networkIn("x", await shapesOf("vae/full_vae_tensors.json"))).toEqual({
      kind: "autoencoder",
      colours: 3,
      latentChannels: 16,
      channels: [128, 256, 512, 512],
      encoderResnets: 2,
      decoderResnets: 3,
      halvesTime: [false, true, true],
      doublesTime: [true, true, false],
      attentionNames: ["to_q", "to_k", "to_v", "to_out.0"],
    });
  });

  it("a file of other tensors is none of ours", () => {
    expect(networkIn("x", new Map([["model.embed.weight", { shape: [4, 4] }]]))).toBeUndefined();
  });

  it.each([
    ["vid_out.proj.weight", undefined, /vid_out.proj.weight is missing/],
    ["txt_in.weight", [1, 2, 3], /shape of txt_in.weight is \[1,2,3\]/],
    ["blocks.0.attn.proj_qkv.vid.weight", [7681, 2560], /rows of proj_qkv is 7681/],
    ["blocks.99999999.x", [1], /numbers in .* is 99999999/],
  ])("a transformer whose %s is %s is refused by that name", async (name, shape, text) => {
    const shapes = await shapesOf("dit/full_3b_tensors.json");
    if (shape) shapes.set(name, { shape });
    else shapes.delete(name);
    expect(caught(() => networkIn("x", shapes)).message).toMatch(text);
  });
});
