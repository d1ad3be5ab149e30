import type { Planes } from "./planes.ts";

/** Added to variances, so that flat planes can be divided by their deviation. */
const EPS = 1e-5;

/** Each plane of the content with mean and deviation of the style's; not clamped (seedvr2-pipeline.md section 6). */
export function adain(content: Planes, style: Planes): Planes {
  const area = content.height * content.width;
  const data = new Float32Array(content.data.length);
  for (let start = 0; start < data.length; start += area) {
    const own = statistics(content.data.subarray(start, start + area));
    const wanted = statistics(style.data.subarray(start, start + area));
    for (let i = start; i < start + area; i++) {
      data[i] = (((content.data[i] as number) - own.mean) / own.deviation) * wanted.deviation + wanted.mean;
    }
  }
  return { ...content, data };
}

/** Mean and deviation (of the unbiased variance), summed in double. */
function statistics(values: Float32Array): { mean: number; deviation: number } {
  let sum = 0;
  for (const value of values) sum += value;
  const mean = sum / values.length;
  let squares = 0;
  for (const value of values) squares += (value - mean) ** 2;
  return { mean, deviation: Math.sqrt(squares / Math.max(values.length - 1, 1) + EPS) };
}
