import { EngineError } from "../errors.ts";
import { attention } from "./attention.ts";
import { conv2d } from "./conv.ts";
import { cast } from "./elementwise.ts";
import { Graph } from "./graph.ts";
import { matmul } from "./matmul.ts";
import { loweringOf, processor, type DeviceChoice, type DeviceTrial } from "./device-choice.ts";
import { deviceName, type Device } from "./providers.ts";
import { GraphSession, type TensorValue } from "./session.ts";
import { sizeOf, type Shape } from "./value.ts";

/**
 * Attention of the trial: heads as wide as SeedVR2's. Drivers have been seen that compute the fused operator rightly for
 * 16 rows and wrongly from 60 on.
 */
const TRIAL = { rows: 96, heads: 2, headDim: 128 };
/** A product and a convolution with sums as long as SeedVR2's: devices that sum in fp16 show it there. */
const SUMS = { rows: 16, terms: 4096, channels: 128, side: 12, outputs: 32 };
/**
 * Root mean square errors, as a share of the values', above which results count as wrong. Seen in fp32: 1e-6; in fp16
 * with sums in fp32: 6e-4, in fp16: 3e-3 and more; of wrong attention: 4e-2.
 */
const TOLERANCE = { fp32: 1e-4, fp16: 2e-3 };

/** Side of the matrices, and how many are multiplied one after the other, to find a device's rate. */
const RATE = { side: 512, products: 4, runs: 3 };

/**
 * Tries a device: whether it computes as the processor does, in fp16 or else in fp32, whether its fused attention is
 * right, and how fast it multiplies. Never rejects; but a driver may end the process.
 */
export async function tryDevice(device: Device): Promise<DeviceTrial> {
  const reasons = new Set<string>();
  const arithmetics = device.provider === "cpu" ? (["fp32"] as const) : (["fp16", "fp32"] as const);
  for (const arithmetic of arithmetics) {
    try {
      const judgement = await judged(device, arithmetic);
      if ("reason" in judgement) {
        reasons.add(judgement.reason);
        continue;
      }
      const [rate, processorRate] = [await rateOf(judgement), await rateOf(processor)];
      return { device: deviceName(device), works: true, rate, processorRate, choice: judgement };
    } catch (error) {
      reasons.add(error instanceof EngineError ? reasonOf(error) : String(error));
    }
  }
  return { device: deviceName(device), works: false, reason: [...reasons].join(" ") };
}

/** Where in its source the runtime met an error, and the condition there. */
const SOURCE_PLACE = /^\/onnxruntime_src.* was false\. /s;

/** The runtime's own words, without our advice. */
function reasonOf({ cause, message }: EngineError): string {
  return (cause instanceof Error ? cause.message : message).replace(SOURCE_PLACE, "");
}

/** How a device is to be used, or what it computes wrongly that no driver is known to. */
async function judged(
  device: Device,
  arithmetic: DeviceChoice["arithmetic"],
): Promise<DeviceChoice | { readonly reason: string }> {
  const expected = await computed(processor);
  const using = (form: DeviceChoice["attention"]): DeviceChoice => ({ ...device, arithmetic, attention: form });
  const plain = await computed(using("plain"));
  const isRight = (values: Results, name: string) => {
    const [a, b] = [values[name], expected[name]];
    return a !== undefined && b !== undefined && relativeError(a.data, b.data) <= TOLERANCE[arithmetic];
  };
  const wrong = Object.keys(expected).filter((name) => !isRight(plain, name));
  if (wrong.length > 0) return { reason: `It computes ${wrong.join(" and ")} wrongly in ${arithmetic}.` };
  const fused = await computed(using("fused")).catch(() => ({}));
  return using(isRight(fused, "attention") ? "fused" : "plain");
}

type Results = Readonly<Record<string, TensorValue>>;

/** Attention, a product and a convolution with long sums. */
async function computed(choice: DeviceChoice): Promise<Results> {
  const at: Graph = new Graph({ name: "trial", lowering: loweringOf(choice) });
  const feeds: Record<string, TensorValue> = {};
  const input = (name: string, shape: Shape) => {
    feeds[name] = { shape, data: waves(shape, Object.keys(feeds).length) };
    return at.input(name, shape);
  };
  const rows = [1, TRIAL.rows, TRIAL.heads * TRIAL.headDim];
  const parts = { query: input("query", rows), key: input("key", rows), value: input("value", rows) };
  at.output("attention", attention(at, parts, TRIAL.heads));
  const factor = (name: string, shape: Shape) => cast(at, input(name, shape), at.productType);
  const { terms, channels, side, outputs } = SUMS;
  at.output("products", matmul(at, factor("a", [SUMS.rows, terms]), factor("b", [terms, outputs])));
  const picture = factor("picture", [1, channels, side, side]);
  at.output("convolutions", conv2d(at, picture, { kernel: factor("kernel", [outputs, channels, 3, 3]) }));
  const session = await GraphSession.create(at, { ...choice, threads: 0, prepack: false });
  try {
    return await session.run(feeds);
  } finally {
    await session.close();
  }
}

/** GFLOP/s of a chain of products of matrices, the best of some runs after one that compiles. */
async function rateOf(choice: DeviceChoice): Promise<number> {
  const { side, products, runs } = RATE;
  const shape = [side, side];
  const graph: Graph = new Graph({ name: "rate trial", lowering: loweringOf(choice) });
  const factor = cast(graph, graph.input("factor", shape), graph.productType);
  let result = cast(graph, graph.input("start", shape), graph.productType);
  for (let i = 0; i < products; i++) result = matmul(graph, result, factor);
  graph.output("result", result);
  const feeds = {
    factor: { shape, data: waves(shape, 1).map((value) => value / side) },
    start: { shape, data: waves(shape, 2) },
  };
  const session = await GraphSession.create(graph, { ...choice, threads: 0, prepack: false });
  try {
    const seconds: number[] = [];
    for (let i = 0; i <= runs; i++) {
      const begun = performance.now();
      await session.run(feeds);
      seconds.push((performance.now() - begun) / 1000);
    }
    return (products * 2 * side ** 3) / Math.min(...seconds.slice(1)) / 1e9;
  } finally {
    await session.close();
  }
}

function relativeError(values: Float32Array, expected: Float32Array): number {
  let [error, size] = [0, 0];
  expected.forEach((value, i) => {
    error += ((values[i] as number) - value) ** 2;
    size += value ** 2;
  });
  return Math.sqrt(error / size);
}

/** Numbers that look random and are the same everywhere, −2 … 2. */
function waves(shape: Shape, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: sizeOf(shape) }, (_, i) => 2 * Math.sin(seed + 0.37 * i + 0.001 * i * i));
}
