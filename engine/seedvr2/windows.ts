/**
 * Windows of the transformer's attention (seedvr2-dit.md section 5). All sizes are in tokens, that is after patching.
 */

/** Extent in t, h and w. */
export type Extent = readonly [t: number, h: number, w: number];

/** Borders t0, t1, h0, h1, w0, w1; ends excluded. */
export type Window = readonly [number, number, number, number, number, number];

export type WindowMethod = "720pwin_by_size_bysize" | "720pswin_by_size_bysize";

export interface WindowRule {
  /** How many windows a 720p frame of this shape (and 30 latent frames) is cut into along t, h, w. */
  readonly request: Extent;
  readonly method: WindowMethod;
}

/** Tokens of a 720p frame, 45 × 80, to which windows refer whatever the resolution; longest time that is cut. */
const REFERENCE_TOKENS = 45 * 80;
const REFERENCE_TIME = 30;

/** The windows of a token grid, w outermost, then h, then t. */
export function windowsOf([t, h, w]: Extent, { request, method }: WindowRule): Window[] {
  const scale = Math.sqrt(REFERENCE_TOKENS / (h * w));
  const size: Extent = [
    Math.ceil(Math.min(t, REFERENCE_TIME) / request[0]),
    Math.ceil(roundHalfToEven(h * scale) / request[1]),
    Math.ceil(roundHalfToEven(w * scale) / request[2]),
  ];
  const cut = method === "720pswin_by_size_bysize" ? shiftedCuts : regularCuts;
  const [cutsT, cutsH, cutsW] = [cut(t, size[0]), cut(h, size[1]), cut(w, size[2])];
  return cutsW.flatMap(([w0, w1]) =>
    cutsH.flatMap(([h0, h1]) => cutsT.map(([t0, t1]): Window => [t0, t1, h0, h1, w0, w1])),
  );
}

type Cut = readonly [from: number, to: number];

function regularCuts(extent: number, size: number): Cut[] {
  return Array.from({ length: Math.ceil(extent / size) }, (_, i): Cut => [i * size, Math.min((i + 1) * size, extent)]);
}

/** Windows shifted by half a window, the first one half as long; not where one window covers the axis. */
function shiftedCuts(extent: number, size: number): Cut[] {
  if (size >= extent) return [[0, extent]];
  const shift = 0.5;
  const count = Math.ceil((extent - shift) / size) + 1;
  return Array.from({ length: count }, (_, i): Cut => [
    Math.max(Math.trunc((i - shift) * size), 0),
    Math.min(Math.trunc((i - shift + 1) * size), extent),
  ]).filter(([from, to]) => from < to);
}

/** Rounds as Python does: halves to the even neighbour. */
export function roundHalfToEven(value: number): number {
  const low = Math.floor(value);
  const rest = value - low;
  if (rest !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}
