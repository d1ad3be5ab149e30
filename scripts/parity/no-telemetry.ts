/** Imported first: onnxruntime reads this when it is loaded, and would report each session to its makers. */
process.env["ORT_DISABLE_TELEMETRY"] = "1";
