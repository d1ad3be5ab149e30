/** The engine's public face: all that src, mcp and http may use. Light to import; what is heavy is loaded when called. */
export type { CallOptions, Caller, Engine } from "./engine.ts";
export type { EngineConfig } from "./config.ts";
export { EngineError, asEngineError, errorCodes } from "./errors.ts";
export type { ErrorCode, ErrorJson } from "./errors.ts";
export { operations } from "./operations/operations.ts";
export type { OperationInput, OperationName, OperationOutput } from "./operations/operations.ts";
export type { Operation, OperationKind } from "./operations/operation.ts";
export { parseInput } from "./schemas/parse.ts";
export { closest } from "./schemas/closest.ts";
export * as parameterSchemas from "./schemas/parameters.ts";
export * as resultSchemas from "./schemas/results.ts";
export * as limits from "./schemas/limits.ts";
export type { ModelEntry, TaskResult, TaskState } from "./schemas/results.ts";
