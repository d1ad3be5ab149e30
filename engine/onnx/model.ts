import { basename } from "node:path";
import type { Graph } from "./graph.ts";
import type { Attribute, GraphNode, Initializer } from "./graph-parts.ts";
import { liveParts } from "./live-parts.ts";
import { ProtoWriter } from "./protobuf.ts";
import { elementTypes, type Value } from "./value.ts";

/** Versions the written models claim: within what onnxruntime 1.30 takes (opset ≤ 26, IR ≤ 13). */
const IR_VERSION = 11;
const OPSET = 23;
const CONTRIBUTED_OPSET = 1;

/** Field numbers of onnx.proto. */
const MODEL = { irVersion: 1, producer: 2, graph: 7, opset: 8 };
const OPERATOR_SET = { domain: 1, version: 2 };
const GRAPH = { node: 1, name: 2, initializer: 5, input: 11, output: 12 };
const NODE = { input: 1, output: 2, name: 3, operator: 4, attribute: 5, domain: 7 };
const ATTRIBUTE = { name: 1, float: 2, int: 3, text: 4, ints: 8, type: 20 };
const ATTRIBUTE_TYPE = { float: 1, int: 2, text: 3, ints: 7 };
const TENSOR = { dims: 1, type: 2, name: 8, raw: 9, external: 13, location: 14 };
const EXTERNAL = 1;
const ENTRY = { key: 1, value: 2 };
const VALUE = { name: 1, type: 2 };
const TYPE = { tensor: 1 };
const TENSOR_TYPE = { element: 1, shape: 2 };
const SHAPE = { dim: 1 };
const DIM = { value: 1 };

/**
 * The graph as an ONNX model. Weights in files are referred to by file name, offset and length; whoever loads the model
 * says in which folder. Weights that must be computed are, one after the other.
 */
export async function encodeModel(graph: Graph): Promise<Uint8Array<ArrayBuffer>> {
  const body = new ProtoWriter();
  const { nodes, initializers } = liveParts(graph);
  const results = new Map(graph.outputs.map(({ name, value }) => [name, value]));
  for (const node of nodes) body.message(GRAPH.node, encodeNode(node));
  for (const [name, value] of results) body.message(GRAPH.node, encodeNaming(name, value));
  body.text(GRAPH.name, graph.name);
  for (const initializer of initializers) body.message(GRAPH.initializer, await encodeInitializer(initializer));
  for (const input of graph.inputs) body.message(GRAPH.input, encodeValue(input.name, input));
  for (const [name, value] of results) body.message(GRAPH.output, encodeValue(name, value));
  return new ProtoWriter()
    .int(MODEL.irVersion, IR_VERSION)
    .text(MODEL.producer, "seedvr2")
    .message(MODEL.graph, body)
    .message(MODEL.opset, new ProtoWriter().text(OPERATOR_SET.domain, "").int(OPERATOR_SET.version, OPSET))
    .message(
      MODEL.opset,
      new ProtoWriter().text(OPERATOR_SET.domain, "com.microsoft").int(OPERATOR_SET.version, CONTRIBUTED_OPSET),
    )
    .finish();
}

function encodeNode(node: GraphNode): ProtoWriter {
  const out = new ProtoWriter();
  for (const input of node.inputs) out.text(NODE.input, input?.name ?? "");
  out.text(NODE.output, node.output.name).text(NODE.name, node.output.name).text(NODE.operator, node.operator);
  for (const [name, value] of Object.entries(node.attributes)) {
    out.message(NODE.attribute, encodeAttribute(name, value));
  }
  return out.text(NODE.domain, node.domain);
}

/** Outputs have names of their own, so that one value can be output twice or be an input as well. */
function encodeNaming(name: string, value: Value): ProtoWriter {
  return new ProtoWriter()
    .text(NODE.input, value.name)
    .text(NODE.output, name)
    .text(NODE.name, `output.${name}`)
    .text(NODE.operator, "Identity");
}

function encodeAttribute(name: string, value: Attribute): ProtoWriter {
  const out = new ProtoWriter().text(ATTRIBUTE.name, name);
  if (typeof value === "number") return out.int(ATTRIBUTE.int, value).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.int);
  if (typeof value === "string") return out.text(ATTRIBUTE.text, value).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.text);
  if ("float" in value) return out.float(ATTRIBUTE.float, value.float).int(ATTRIBUTE.type, ATTRIBUTE_TYPE.float);
  for (const item of value) out.int(ATTRIBUTE.ints, item);
  return out.int(ATTRIBUTE.type, ATTRIBUTE_TYPE.ints);
}

async function encodeInitializer({ value, data }: Initializer): Promise<ProtoWriter> {
  const out = new ProtoWriter();
  for (const size of value.shape) out.int(TENSOR.dims, size);
  out.int(TENSOR.type, elementTypes[value.type].onnx).text(TENSOR.name, value.name);
  if (typeof data === "function") return out.bytes(TENSOR.raw, await data());
  if (data instanceof Uint8Array) return out.bytes(TENSOR.raw, data);
  const entry = (key: string, text: string) => new ProtoWriter().text(ENTRY.key, key).text(ENTRY.value, text);
  return out
    .message(TENSOR.external, entry("location", basename(data.path)))
    .message(TENSOR.external, entry("offset", String(data.offset)))
    .message(TENSOR.external, entry("length", String(data.length)))
    .int(TENSOR.location, EXTERNAL);
}

function encodeValue(name: string, { type, shape }: Value): ProtoWriter {
  const dims = new ProtoWriter();
  for (const size of shape) dims.message(SHAPE.dim, new ProtoWriter().int(DIM.value, size));
  const tensor = new ProtoWriter().int(TENSOR_TYPE.element, elementTypes[type].onnx).message(TENSOR_TYPE.shape, dims);
  return new ProtoWriter().text(VALUE.name, name).message(VALUE.type, new ProtoWriter().message(TYPE.tensor, tensor));
}
