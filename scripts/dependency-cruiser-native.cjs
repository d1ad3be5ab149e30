/** Native networks stay in the worker: no surface reaches onnxruntime-node by any chain, so that starting is fast and crashes stay in a child. */
module.exports = {
  forbidden: [
    {
      name: "only the worker reaches onnxruntime-node",
      severity: "error",
      from: { path: "^(src|mcp|http)/" },
      to: { path: "onnxruntime-node", reachable: true },
    },
  ],
  options: {
    tsPreCompilationDeps: false,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    enhancedResolveOptions: { extensions: [".ts", ".js", ".mjs"] },
  },
};
