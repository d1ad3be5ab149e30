/**
 * What colour correction with `lab` costs on one core, exact and by histograms, for a frame of 1920×1080, and how far
 * the two are apart. `npx tsx bench/lab.ts --runs 5`
 */
import { correctionIn } from "../engine/colour/colour-correction.ts";
import type { Planes } from "../engine/colour/planes.ts";
import { median, numberOptions, report, timed } from "./figures.ts";

const { runs, width, height } = numberOptions({ runs: 5, width: 1920, height: 1080 });

/** Waves, a flat blue and a flat red area and noise; `tint` and `noise` make the content differ from the style. */
function picture(tint: number, noise: number): Planes {
  const data = new Float32Array(3 * width * height);
  let state = 1;
  for (let i = 0; i < data.length; i++) {
    const [channel, y, x] = [Math.floor(i / (width * height)), Math.floor(i / width) % height, i % width];
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const wave = 0.5 * Math.sin(x / (30 + 20 * channel)) + 0.4 * Math.cos(y / (50 - 9 * channel));
    const flat = x > 0.7 * width ? (channel === (y < height / 2 ? 2 : 0) ? 0.8 : -0.8) : undefined;
    data[i] = Math.min(1, Math.max(-1, (flat ?? wave) * (1 + tint * channel) + noise * (state / 2 ** 32 - 0.5)));
  }
  return { frames: 1, channels: 3, height, width, data };
}

/** Largest and mean difference of two results, as shares of the range. */
function apart(a: Planes, b: Planes): { most: number; mean: number } {
  let [most, sum] = [0, 0];
  for (let i = 0; i < a.data.length; i++) {
    const difference = Math.abs((a.data[i] as number) - (b.data[i] as number)) / 2;
    most = Math.max(most, difference);
    sum += difference;
  }
  return { most, mean: sum / a.data.length };
}

const [content, style] = [picture(0.1, 0.1), picture(0, 0.02)];
const exact = correctionIn("exact", "lab")(content, style);
const rows: string[][] = [];
for (const form of ["exact", "histogram"] as const) {
  const correct = correctionIn(form, "lab");
  const { most, mean } = apart(exact, correct(content, style));
  const times: number[] = [];
  for (let run = 0; run < runs; run++) times.push(await timed(async () => correct(content, style)));
  rows.push([form, median(times).toFixed(0), (255 * most).toFixed(3), mean.toExponential(1)]);
}
report([`lab, ${width}×${height}`, "median, ms", "largest difference, of 255", "mean, of 1"], rows);
