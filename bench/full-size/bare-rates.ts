import { availableParallelism } from "node:os";
import { conv2d } from "../../engine/onnx/conv.ts";
import { Graph } from "../../engine/onnx/graph.ts";
import { matmul } from "../../engine/onnx/matmul.ts";
import { slice } from "../../engine/onnx/movement.ts";
import { GraphSession } from "../../engine/onnx/session.ts";
import { sizeOf, type Shape, type Value } from "../../engine/onnx/value.ts";
import { timed } from "../figures.ts";
import { arithmeticOf, sum, type Arithmetic } from "./arithmetic.ts";

/** Floating-point operations a second of bare operators, by kind of arithmetic. */
export type Rates = Readonly<Record<keyof Arithmetic, number>>;

/** Runs of which the fastest counts. */
const RUNS = 5;
/** Convolutions one behind the other: what is copied before and after them then weighs little. */
const CHAINED = 4;

/** Measures the runtime on large operators with constant weights and nothing around them. */
export async function bareRates(): Promise<Rates> {
  return {
    products: await rateOf(product),
    largeConvs: await rateOf((at) => convs(at, { channels: 128, height: 480, width: 640 })),
    deepConvs: await rateOf((at) => convs(at, { channels: 512, height: 60, width: 80 })),
  };
}

/** The faster of two measurements. */
export function fastest(a: Rates, b: Rates): Rates {
  return {
    products: Math.max(a.products, b.products),
    largeConvs: Math.max(a.largeConvs, b.largeConvs),
    deepConvs: Math.max(a.deepConvs, b.deepConvs),
  };
}

/** Seconds that arithmetic takes at bare rates. */
export function secondsAt(rates: Rates, work: Arithmetic): number {
  const kinds: (keyof Arithmetic)[] = ["products", "largeConvs", "deepConvs"];
  return kinds.reduce((seconds, kind) => seconds + work[kind] / rates[kind], 0);
}

/** A layer of the MLP on the tokens of a 640×480 picture with its text. */
function product(at: Graph): Value {
  return matmul(at, at.input("x", [1258, 2560]), randomWeight(at, [2560, 6912], 2560));
}

function convs(at: Graph, { channels, height, width }: { channels: number; height: number; width: number }): Value {
  let x = at.input("x", [1, channels, height, width]);
  for (let i = 0; i < CHAINED; i++) {
    const kernel = randomWeight(at, [channels, channels, 3, 3], 9 * channels);
    x = conv2d(at, x, { kernel, pads: [1, 1, 1, 1] });
  }
  return x;
}

/** Values evenly spread; `summed` of them make up a result near 1. */
function randomWeight(at: Graph, shape: Shape, summed: number): Value {
  const data = async () => new Uint8Array(spread(sizeOf(shape), Math.sqrt(12 / summed)).buffer);
  return at.initializer("weight", { type: "F32", shape, data });
}

function spread(count: number, width: number): Float32Array<ArrayBuffer> {
  return new Float32Array(count).map(() => width * (Math.random() - 0.5));
}

async function rateOf(build: (at: Graph) => Value): Promise<number> {
  const at = new Graph({ name: "bare" });
  const y = build(at);
  // A little of the result only: handing it to JavaScript is a copy.
  at.output("y", slice(at, y, y.shape.length - 1, { from: 0, to: 1 }));
  const session = await GraphSession.create(at, { provider: "cpu", threads: availableParallelism(), prepack: true });
  const [x] = at.inputs as readonly [Value];
  const feeds = { x: { shape: x.shape, data: spread(sizeOf(x.shape), Math.sqrt(12)) } };
  const times: number[] = [];
  for (let run = 0; run < RUNS; run++) times.push(await timed(() => session.run(feeds)));
  await session.close();
  return sum(arithmeticOf([at])) / (Math.min(...times) / 1000);
}
