import type { Planes } from "../colour/planes.ts";
import { frameLength } from "../colour/planes.ts";
import { type Frame, samples, withPixels } from "../media/frame.ts";

const COLOURS = 3;

/** Frames of one size and depth → planes [frames, 3, h, w] in 0 … 1. */
export function planesOfFrames(frames: readonly Frame[]): Planes {
  const { width, height, depth } = frames[0] as Frame;
  const [area, peak] = [width * height, 2 ** depth - 1];
  const data = new Float32Array(frames.length * COLOURS * area);
  for (const [index, { rgb }] of frames.entries()) {
    const start = index * COLOURS * area;
    for (let i = 0; i < rgb.length; i++) {
      data[start + (i % COLOURS) * area + Math.floor(i / COLOURS)] = (rgb[i] as number) / peak;
    }
  }
  return { frames: frames.length, channels: COLOURS, height, width, data };
}

/** One frame of planes in 0 … 1 as the enlarged `source`: rounded to its depth, its time kept. */
export function frameOfPlanes(planes: Planes, index: number, source: Frame): Frame {
  const { width, height } = planes;
  const { depth } = source;
  const [area, peak] = [width * height, 2 ** depth - 1];
  const values = planes.data.subarray(index * frameLength(planes), (index + 1) * frameLength(planes));
  const rgb = samples(depth, COLOURS * area);
  for (let i = 0; i < rgb.length; i++) {
    rgb[i] = Math.round((values[(i % COLOURS) * area + Math.floor(i / COLOURS)] as number) * peak);
  }
  return withPixels(source, { width, height, depth, rgb });
}
