import assert from "node:assert";
import { cropped, type Planes } from "../../colour/planes.ts";
import { freeTensors } from "../../onnx/collect-garbage.ts";
import type { Graph } from "../../onnx/graph.ts";
import type { Lowering } from "../../onnx/lowering.ts";
import { GraphSession, type SessionOptions, type TensorValue } from "../../onnx/session.ts";
import { WeightDemands } from "../../onnx/weight-demands.ts";
import type { AutoencoderSizes } from "../../weights/network.ts";
import type { NetworkFile } from "../weight-file.ts";
import { publishedAutoencoder, type AutoencoderSettings } from "./autoencoder-context.ts";
import { decoderGraph } from "./decoder.ts";
import { encoderGraph, type PictureShape } from "./encoder.ts";
import { byShape, TileBlend, tilesOf, type Sides, type Tile, type Tiling } from "./tiles.ts";
import { historyFrom, type TimeSlice } from "./time-slice.ts";

export interface AutoencoderOptions {
  readonly session: SessionOptions;
  readonly lowering?: Lowering;
  readonly settings?: AutoencoderSettings;
}

export interface AutoencoderPass {
  readonly tiling?: Tiling | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Keeps sessions for a later pass of the same shape, until `close`; they hold the network's kernels in memory. */
  readonly keep?: boolean | undefined;
  /** Told the share of the work done after each tile and slice. */
  readonly onPart?: (done: number, of: number) => void;
  /** Told intermediates of untiled, unsliced runs, under the names of the reference's traces: [frames, channels, h, w]. */
  readonly trace?: (name: string, value: TensorValue) => void;
}

/** Pixels of a latent cell along a side, frames of one after the first (seedvr2-vae.md section 1). */
const CELL_SIDE = 8;
const CELL_FRAMES = 4;

type Direction = "encode" | "decode";

/** The video autoencoder, ready to run. Sessions are made once for each shape of tiles and end with the pass, or stay. */
export class AutoencoderNetwork {
  readonly sizes: AutoencoderSizes;
  readonly #options: AutoencoderOptions;
  readonly #settings: AutoencoderSettings;
  readonly #demands: WeightDemands;
  readonly #kept = new Map<Direction, SliceSessions>();

  private constructor(sizes: AutoencoderSizes, demands: WeightDemands, options: AutoencoderOptions) {
    this.sizes = sizes;
    this.#demands = demands;
    this.#options = options;
    this.#settings = options.settings ?? publishedAutoencoder;
  }

  /** Checks that the file holds exactly the weights of its network. Throws `checkpoint_malformed`. */
  static open(file: NetworkFile, sizes: AutoencoderSizes, options: AutoencoderOptions): AutoencoderNetwork {
    const network = new AutoencoderNetwork(sizes, new WeightDemands(file), options);
    const smallest = { frames: 1, height: CELL_SIDE, width: CELL_SIDE };
    const time = { first: true, last: true };
    network.#graph("encode", smallest, time, false);
    network.#graph("decode", { frames: 1, height: 1, width: 1 }, time, false);
    network.#demands.check();
    return network;
  }

  /** Frames in −1 … 1, 4n+1 of them, sides multiples of 8 → mean of the latent, unscaled. */
  async encode(frames: Planes, pass: AutoencoderPass = {}): Promise<Planes> {
    const size: Sides = [frames.height / CELL_SIDE, frames.width / CELL_SIDE];
    assert(frames.frames % CELL_FRAMES === 1 && size.every(Number.isInteger), "4n+1 frames of whole cells");
    const out = { frames: (frames.frames - 1) / CELL_FRAMES + 1, channels: this.sizes.latentChannels };
    return this.#pass("encode", frames, { ...out, height: size[0], width: size[1] }, pass);
  }

  /** Latent, unscaled → frames, not clamped. */
  async decode(latent: Planes, pass: AutoencoderPass = {}): Promise<Planes> {
    const out = { frames: (latent.frames - 1) * CELL_FRAMES + 1, channels: this.sizes.colours };
    const [height, width] = [latent.height * CELL_SIDE, latent.width * CELL_SIDE];
    return this.#pass("decode", latent, { ...out, height, width }, pass);
  }

  /** Ends the sessions that were kept. */
  async close(): Promise<void> {
    for (const sessions of this.#kept.values()) await sessions.close();
    this.#kept.clear();
  }

  async #pass(
    direction: Direction,
    input: Planes,
    shape: Omit<Planes, "data">,
    pass: AutoencoderPass,
  ): Promise<Planes> {
    const [inCell, outCell] = direction === "encode" ? [CELL_SIDE, 1] : [1, CELL_SIDE];
    const tiles = tilesOf([input.height / inCell, input.width / inCell], pass.tiling, CELL_SIDE);
    const blend =
      tiles.length > 1 ? new TileBlend(shape.frames * shape.channels, [shape.height, shape.width]) : undefined;
    const overlap = (pass.tiling?.overlap ?? [0, 0]).map(
      (n) => Math.floor(n / CELL_SIDE) * outCell,
    ) as unknown as Sides;
    const traced = pass.trace !== undefined;
    const sessions =
      (traced ? undefined : this.#kept.get(direction)) ??
      new SliceSessions((picture, time) => this.#session(direction, picture, time, traced));
    const runner = new SliceRunner(sessions, pass);
    const parts = tiles.length * slicesOf(direction, input.frames).length;
    let done = 0;
    let whole = new Float32Array();
    try {
      for (const tile of byShape(tiles)) {
        const values = await runner.run(direction, tileOf(input, scaled(tile, inCell)), () =>
          pass.onPart?.(++done, parts),
        );
        if (blend) blend.add(values, scaled(tile, outCell), overlap);
        else whole = values;
      }
    } finally {
      if (pass.keep && !traced) this.#kept.set(direction, sessions);
      else await this.#end(direction, sessions);
    }
    return { ...shape, data: blend?.finish() ?? whole };
  }

  async #end(direction: Direction, sessions: SliceSessions): Promise<void> {
    if (this.#kept.get(direction) === sessions) this.#kept.delete(direction);
    await sessions.close();
  }

  async #session(direction: Direction, picture: PictureShape, time: TimeSlice, traced: boolean) {
    const graph = this.#graph(direction, picture, time, traced);
    return GraphSession.create(graph, { ...this.#options.session, prepack: true });
  }

  #graph(direction: Direction, picture: PictureShape, time: TimeSlice, traced: boolean): Graph {
    const context = { sizes: this.sizes, settings: this.#settings, time };
    const { lowering } = this.#options;
    const options = { weights: this.#demands, traced, ...(lowering && { lowering }) };
    return direction === "encode" ? encoderGraph(picture, context, options) : decoderGraph(picture, context, options);
  }
}

type CreateSession = (picture: PictureShape, time: TimeSlice) => Promise<GraphSession>;

/** A session for each kind of slice of one tile's shape; another shape ends them. */
class SliceSessions {
  readonly #create: CreateSession;
  readonly #sessions = new Map<string, GraphSession>();
  #side = "";

  constructor(create: CreateSession) {
    this.#create = create;
  }

  async of(picture: PictureShape, time: TimeSlice): Promise<GraphSession> {
    const side = `${picture.height}x${picture.width}`;
    if (side !== this.#side) await this.close();
    this.#side = side;
    const key = `${picture.frames} ${time.first} ${time.last}`;
    const session = this.#sessions.get(key) ?? (await this.#create(picture, time));
    this.#sessions.set(key, session);
    return session;
  }

  async close(): Promise<void> {
    for (const session of this.#sessions.values()) await session.close();
    this.#sessions.clear();
  }
}

/** Runs tiles slice by slice. */
class SliceRunner {
  readonly #sessions: SliceSessions;
  readonly #pass: AutoencoderPass;

  constructor(sessions: SliceSessions, pass: AutoencoderPass) {
    this.#sessions = sessions;
    this.#pass = pass;
  }

  async run(direction: Direction, tile: Planes, onSlice: () => void): Promise<Float32Array<ArrayBuffer>> {
    const [input, output] = direction === "encode" ? ["frames", "latent"] : ["latent", "frames"];
    const perFrame = tile.channels * tile.height * tile.width;
    const pieces: Float32Array[] = [];
    let history: Record<string, TensorValue> = {};
    let start = 0;
    const slices = slicesOf(direction, tile.frames);
    for (const [index, frames] of slices.entries()) {
      this.#pass.signal?.throwIfAborted();
      const time = { first: index === 0, last: index === slices.length - 1 };
      const session = await this.#sessions.of({ ...tile, frames }, time);
      const data = tile.data.subarray(start * perFrame, (start + frames) * perFrame);
      const results = await session.run({
        [input]: { shape: [frames, tile.channels, tile.height, tile.width], data },
        ...history,
      });
      this.#trace(results, output);
      pieces.push((results[output] as TensorValue).data);
      history = historyFrom(results);
      // What the slice before kept is gigabytes, and nothing refers to it any more.
      if (!time.last) await freeTensors();
      start += frames;
      onSlice();
    }
    return joined(pieces);
  }

  #trace(results: Readonly<Record<string, TensorValue>>, output: string): void {
    for (const [name, value] of Object.entries(results)) if (name !== output) this.#pass.trace?.(name, value);
  }
}

/**
 * How many frames go through at a time: the first five frames or two latent ones, then four or one. Any such cut gives
 * what the whole clip would (seedvr2-vae.md section 5).
 */
function slicesOf(direction: Direction, frames: number): number[] {
  const [first, next] = direction === "encode" ? [1 + CELL_FRAMES, CELL_FRAMES] : [2, 1];
  if (frames <= first) return [frames];
  return [first, ...Array<number>((frames - first) / next).fill(next)];
}

function scaled({ rows, columns }: Tile, factor: number): Tile {
  const times = ({ from, to }: Tile["rows"]) => ({ from: from * factor, to: to * factor });
  return { rows: times(rows), columns: times(columns) };
}

function tileOf(planes: Planes, { rows, columns }: Tile): Planes {
  const [height, width] = [rows.to - rows.from, columns.to - columns.from];
  return cropped(planes, { top: rows.from, left: columns.from, height, width });
}

function joined(pieces: readonly Float32Array[]): Float32Array<ArrayBuffer> {
  const out = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}
