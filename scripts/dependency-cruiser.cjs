/** Which folder may import which; the table of the architecture as data. */
const MAY_IMPORT = {
  "engine/schemas": [],
  "engine/operations": ["engine/schemas"],
  "engine/weights": [],
  "engine/onnx": [],
  "engine/media": [],
  "engine/models": ["engine/weights", "engine/schemas", "engine/owner"],
  "engine/colour": [],
  "engine/seedvr2": ["engine/onnx", "engine/weights", "engine/colour"],
  "engine/upscalers": ["engine/seedvr2", "engine/onnx", "engine/weights", "engine/media", "engine/colour"],
  "engine/pipeline": ["engine/media", "engine/upscalers", "engine/onnx", "engine/colour"],
  "engine/worker": ["engine/pipeline", "engine/media", "engine/upscalers", "engine/onnx"],
  "engine/tasks": ["engine/schemas"],
  "engine/owner": [],
  "engine/local": [
    "engine/pipeline",
    "engine/owner",
    "engine/onnx",
    "engine/tasks",
    "engine/worker",
    "engine/models",
    "engine/weights",
    "engine/media",
    "engine/operations",
    "engine/schemas",
  ],
  "engine/remote": ["engine/owner", "engine/operations", "engine/schemas"],
};
/** Values and types that every folder of the engine may use. */
const SHARED = ["allowed-paths", "claim-name", "durable-files", "file-stamp", "errors", "config", "engine"].map(
  (name) => `engine/${name}.ts`,
);

const escape = (path) => path.replaceAll(".", "\\.");

const folders = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `${folder} imports only what it may`,
  severity: "error",
  from: { path: `^${folder}/` },
  to: {
    path: "^(src|engine|mcp|http|test|bench)/",
    pathNot: [`^${folder}/`, ...allowed.map((a) => `^${a}/`), ...SHARED.map((s) => `^${escape(s)}$`)],
  },
}));

module.exports = {
  forbidden: [
    ...folders,
    {
      name: "surfaces see only the engine's public face",
      severity: "error",
      from: { path: "^(mcp|http)/" },
      to: { path: "^(src|engine|mcp|http)/", pathNot: ["^engine/index\\.ts$", "^$1/"] },
    },
    {
      name: "the engine knows no surface",
      severity: "error",
      from: { path: "^engine/" },
      to: { path: "^(src|mcp|http)/" },
    },
    {
      name: "no cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs"] },
  },
};
