import assert from "node:assert";
import type { Shape } from "../../engine/onnx/value.ts";
import { storedScaleShape } from "../../engine/weights/block-scales.ts";
import type { Distribution, RandomType } from "./random-values.ts";

/** A tensor of a random file: drawn from a distribution (all codes alike where it has none), or these bytes over and over. */
export interface RandomTensor {
  readonly type: RandomType;
  readonly shape: Shape;
  readonly distribution?: Distribution;
  readonly filled?: Uint8Array;
}

/** What ComfyUI's tools store block matrices in, besides plain types (seedvr2-comfy-checkpoints.md section 3). */
export type LayerFormat = "int8_convrot" | "mxfp8" | "nvfp4";

/** Columns that int8 rotates together; other widths are left as they are. */
const GROUP = 256;
/** Deviation of a byte's 256 even steps, and of four-bit floats with all codes alike (0, 0.5, 1, 1.5, 2, 3, 4, 6). */
const BYTE_DEVIATION = 256 / Math.sqrt(12);
const NIBBLE_DEVIATION = Math.sqrt(68.5 / 8);
/** The code of 1 in float8 e4m3. */
const ONE = 0x38;
/** Largest deviation of mxfp8's codes: five times as much is still below 448. */
const CODE_DEVIATION = 64;

/** Whether such files store this tensor in the format: matrices of the blocks, where it takes their width. */
export function isQuantisedLayer(format: LayerFormat, name: string, shape: Shape): boolean {
  const fits = format !== "int8_convrot" || (shape[1] ?? 0) % GROUP === 0;
  return name.startsWith("blocks.") && name.endsWith(".weight") && shape.length === 2 && fits;
}

/** The tensors of a layer `<layer>.weight` whose values deviate so much around 0. */
export function randomLayer(
  format: LayerFormat,
  name: string,
  shape: Shape,
  deviation: number,
): [string, RandomTensor][] {
  const layer = name.replace(/\.weight$/, "");
  const [rows = 0, columns = 0] = shape;
  // Random surplus would be no zeros; the published sizes need none.
  assert(rows % 32 === 0 && columns % 32 === 0, `${name} needs no surplus rows and columns`);
  const scaleName = `${layer}.weight_scale`;
  switch (format) {
    case "int8_convrot":
      return [
        [name, { type: "I8", shape }],
        [scaleName, { type: "F32", shape: [rows, 1], filled: f32(deviation / BYTE_DEVIATION) }],
        marker(layer, { format: "int8_tensorwise", convrot: true, convrot_groupsize: GROUP }),
      ];
    case "mxfp8": {
      const exponent = Math.ceil(Math.log2(deviation / CODE_DEVIATION));
      const distribution = { mean: 0, deviation: deviation / 2 ** exponent };
      return [
        [name, { type: "F8_E4M3", shape, distribution }],
        [scaleName, { type: "U8", shape: storedScaleShape(rows, columns / 32), filled: Uint8Array.of(exponent + 127) }],
        marker(layer, { format }),
      ];
    }
    case "nvfp4":
      return [
        [name, { type: "U8", shape: [rows, columns / 2] }],
        [scaleName, { type: "F8_E4M3", shape: storedScaleShape(rows, columns / 16), filled: Uint8Array.of(ONE) }],
        [`${layer}.weight_scale_2`, { type: "F32", shape: [], filled: f32(deviation / NIBBLE_DEVIATION) }],
        marker(layer, { format }),
      ];
  }
}

function marker(layer: string, content: object): [string, RandomTensor] {
  const filled = new TextEncoder().encode(JSON.stringify(content));
  return [`${layer}.comfy_quant`, { type: "U8", shape: [filled.length], filled }];
}

function f32(value: number): Uint8Array {
  return new Uint8Array(Float32Array.of(value).buffer);
}
