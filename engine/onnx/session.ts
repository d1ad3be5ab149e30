import assert from "node:assert";
import { realpath } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname } from "node:path";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { EngineError, outOfMemory, saysOutOfMemory } from "../errors.ts";
import type { Graph } from "./graph.ts";
import { liveParts } from "./live-parts.ts";
import { collectGarbage } from "./collect-garbage.ts";
import { encodeModel } from "./model.ts";
import { deviceName, executionProvider, type Device } from "./providers.ts";
import { sizeOf, type Shape } from "./value.ts";

/** Values that go into a graph or come out of it. */
export interface TensorValue {
  readonly shape: Shape;
  readonly data: Float32Array;
}

export interface SessionOptions extends Device {
  /** 0 is one per processor. */
  readonly threads: number;
  /**
   * Lets the runtime compute what depends on weights alone and reorder weights, once, into private memory: faster for
   * kernels, wrong for weights that stay on disk.
   */
  readonly prepack: boolean;
}

/** Bytes of a model from which on it is worth collecting garbage after loading it. */
const LARGE_MODEL = 2 ** 25;

/** A graph loaded into the runtime. It lives until `close`; one run at a time. */
export class GraphSession {
  readonly #session: InferenceSession;
  readonly #name: string;

  private constructor(session: InferenceSession, name: string) {
    this.#session = session;
    this.#name = name;
  }

  /**
   * Loads a graph. Weights in files are mapped where they lie. Throws `provider_failed` with the runtime's reason.
   * What is in `extra` is the recipe that keeps stored weights out of private memory: without `prepack` conversions are not folded.
   */
  static async create(graph: Graph, options: SessionOptions): Promise<GraphSession> {
    const folder = await weightFolder(graph);
    try {
      const session = await createFrom(await encodeModel(graph), {
        executionProviders: [executionProvider(options)],
        graphOptimizationLevel: "layout",
        enableCpuMemArena: false,
        // From a session's second run on it would hold what a run needs in one piece from beginning to end: 1.5 GB more
        // for slices of 320×240 in the decoder, and no faster.
        enableMemPattern: false,
        executionMode: "sequential",
        intraOpNumThreads: options.threads || availableParallelism(),
        interOpNumThreads: 1,
        logSeverityLevel: 3,
        extra: {
          session: {
            ...(folder && { model_external_initializers_file_folder_path: folder }),
            disable_prepacking: options.prepack ? "0" : "1",
          },
          ...(!options.prepack && { "optimization.disable_specified_optimizers": "ConstantFolding" }),
        },
      });
      return new GraphSession(session, graph.name);
    } catch (cause) {
      throw failed(graph.name, deviceName(options), cause);
    }
  }

  /** Runs the graph: a tensor for each input, by name; resolves to its outputs by name. */
  async run(feeds: Readonly<Record<string, TensorValue>>): Promise<Record<string, TensorValue>> {
    const tensors = Object.fromEntries(
      Object.entries(feeds).map(([name, { shape, data }]) => {
        assert.equal(data.length, sizeOf(shape), `${this.#name}: ${name} has as many values as its shape`);
        return [name, new Tensor("float32", data, shape)];
      }),
    );
    let results: InferenceSession.OnnxValueMapType;
    try {
      results = await this.#session.run(tensors);
    } catch (cause) {
      throw failed(this.#name, "the runtime", cause);
    }
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => {
        assert(tensor instanceof Tensor && tensor.data instanceof Float32Array, `${this.#name}: ${name} is fp32`);
        return [name, { shape: tensor.dims, data: tensor.data }];
      }),
    );
  }

  async close(): Promise<void> {
    await this.#session.release();
  }
}

/** A session from a model; a large model is garbage as soon as the runtime has read it. */
async function createFrom(
  model: Uint8Array<ArrayBuffer>,
  options: InferenceSession.SessionOptions,
): Promise<InferenceSession> {
  const session = await InferenceSession.create(model, options);
  if (model.length > LARGE_MODEL) setImmediate(collectGarbage);
  return session;
}

/** The one folder in which all weights of the graph lie, links resolved; nothing where it has none in files. */
async function weightFolder(graph: Graph): Promise<string | undefined> {
  const files = new Set(liveParts(graph).initializers.flatMap(({ data }) => (isFilePart(data) ? [data.path] : [])));
  const folders = new Set<string>();
  for (const file of files) {
    const real = await realpath(file);
    assert.equal(basename(real), basename(file), "weights are referred to by their real names");
    folders.add(dirname(real));
  }
  assert(folders.size <= 1, `${graph.name}: all weights of a session lie in one folder`);
  return [...folders][0];
}

function isFilePart(
  data: Graph["initializers"][number]["data"],
): data is { path: string; offset: number; length: number } {
  return typeof data === "object" && !(data instanceof Uint8Array);
}

function failed(graph: string, where: string, cause: unknown): EngineError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (saysOutOfMemory(reason)) return outOfMemory(`The network part ${graph} found no memory: ${reason}.`, cause);
  return new EngineError("provider_failed", {
    what: `The network part ${graph} could not be run on ${where}: ${reason}.`,
    todo: "Try another device; seedvr2 doctor tries each of them.",
    facts: { graph, provider: where },
    cause,
  });
}
