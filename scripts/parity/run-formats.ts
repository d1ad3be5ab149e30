import { Graph } from "../../engine/onnx/graph.ts";
import { processorLowering, type Lowering } from "../../engine/onnx/lowering.ts";
import { linear } from "../../engine/onnx/matmul.ts";
import { GraphSession } from "../../engine/onnx/session.ts";
import { WeightDemands } from "../../engine/onnx/weight-demands.ts";
import { openNetworkFile, type NetworkFile } from "../../engine/seedvr2/weight-file.ts";
import { formatAims } from "./aims.ts";
import { Comparison } from "./comparison.ts";
import type { GoldenFile } from "./golden-file.ts";

const VALUE = /\.value$/;

/** Compares what layers stored in a file do with the values that stand beside them, `<layer>.value`. */
export async function runFormatsCase(path: string, golden: GoldenFile): Promise<Comparison> {
  const file = await openNetworkFile(path);
  const comparison = new Comparison(
    golden,
    formatAims((layer) => file.weights.get(`${layer}.weight`)?.rotated),
  );
  const values = golden.names.filter((name) => VALUE.test(name));
  comparison.leaveOut(golden.names.filter((name) => !VALUE.test(name)));
  for (const name of values) {
    const { shape } = await golden.tensor(name);
    const [rows = 0, columns = 0] = shape;
    await comparison.compare(name, shape, await layerMatrix(file, name.replace(VALUE, ""), { rows, columns }));
  }
  return comparison;
}

/** The matrix of a layer, [rows, columns], as its network applies it: what it makes of each unit vector. */
export async function layerMatrix(
  file: NetworkFile,
  layer: string,
  { rows, columns }: { rows: number; columns: number },
  lowering: Lowering = processorLowering,
): Promise<Float32Array> {
  const at: Graph = new Graph({ name: layer, weights: new WeightDemands(file), lowering });
  const results = linear(at, at.input("units", [columns, columns]), layer, { outputs: rows, bias: false });
  at.output("results", results);
  const units = new Float32Array(columns * columns);
  for (let i = 0; i < columns; i++) units[i * columns + i] = 1;
  const session = await GraphSession.create(at, { provider: "cpu", threads: 1, prepack: false });
  try {
    const { data } = (await session.run({ units: { shape: [columns, columns], data: units } }))["results"]!;
    return Float32Array.from(
      { length: rows * columns },
      (_, i) => data[(i % columns) * rows + Math.floor(i / columns)]!,
    );
  } finally {
    await session.close();
  }
}
