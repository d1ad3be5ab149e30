import { EngineError, operations, parseInput } from "../engine/index.ts";
import type {
  CallOptions,
  Engine,
  OperationInput,
  OperationName,
  OperationOutput,
  TaskResult,
} from "../engine/index.ts";

type Answers = { [N in OperationName]?: (input: never, options?: CallOptions) => unknown };

/**
 * An engine for tests of a surface alone: checks input by the real schemas, answers what the test says, and fails
 * with `internal` for anything the test did not expect. `calls` records what was asked.
 */
export class StandInEngine implements Engine {
  readonly calls: { name: OperationName; input: unknown; options: CallOptions | undefined }[] = [];
  readonly answers: Answers;

  constructor(answers: Answers) {
    this.answers = answers;
  }

  async call<N extends OperationName>(
    name: N,
    input: OperationInput<N>,
    options?: CallOptions,
  ): Promise<OperationOutput<N>> {
    const parsed = parseInput(operations[name].input, input);
    this.calls.push({ name, input: parsed, options });
    const answer = this.answers[name];
    if (!answer) throw new EngineError("internal", { what: `The test did not expect ${name}.` });
    return (await answer(parsed as never, options)) as OperationOutput<N>;
  }

  async close(): Promise<void> {}
}

/** A task's state as the engine answers it, with what matters to the test changed. */
export function aTask(changes: Partial<TaskResult> = {}): TaskResult {
  return {
    id: "k3x9a2pq",
    kind: "video",
    status: "processing",
    progress: 42,
    queue_position: 0,
    created_at: "2026-11-24T10:00:00.000Z",
    started_at: "2026-11-24T10:00:01.000Z",
    params: { resolution: 720, dit_model: "builtin_x2.onnx", seed: 42, batch_size: 5, color_correction: "lab" },
    stage: "upscaling",
    eta: 70,
    frames_done: 42,
    frames_total: 100,
    notes: [],
    ...changes,
  };
}
