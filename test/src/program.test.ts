import { EngineError, errorCodes, parameterSchemas } from "../../engine/index.ts";
import { describe, expect, it } from "vitest";
import { exitCodes } from "../../src/exit-codes.ts";
import { failureLines } from "../../src/failure.ts";
import { makeProgram } from "../../src/program.ts";
import { settingNames, settingsTable } from "../../src/settings.ts";
import type { Setting } from "../../src/settings.ts";
import { givenParameters, parameterFlags } from "../../src/upscale/flags.ts";

function helpOf(...path: string[]): string {
  let command = makeProgram(() => undefined);
  for (const name of path) command = command.commands.find((candidate) => candidate.name() === name)!;
  let help = "";
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  return help.replace(/\s+/g, " ");
}

describe("help", () => {
  it.each(["upscale", "serve", "mcp", "tasks", "models", "doctor", "stop", "config"])("mentions %s", (name) => {
    expect(helpOf()).toContain(` ${name} `);
  });

  it.each(["list", "wait", "cancel", "retry", "status"])("of tasks mentions %s", (name) => {
    expect(helpOf("tasks")).toContain(` ${name} `);
  });

  it("of upscale has examples and every parameter with its description", () => {
    const help = helpOf("upscale");
    expect(help).toContain("Examples:");
    for (const { text, description } of parameterFlags()) {
      expect(help).toContain(text);
      expect(help).toContain(description.replace(/\s+/g, " "));
    }
  });

  it("names the settings that have flags, each with its environment name", () => {
    const help = helpOf() + helpOf("serve");
    for (const name of settingNames) {
      const { flag }: Setting = settingsTable[name];
      if (flag) expect(help).toMatch(new RegExp(`${flag.text}.*\\[${name}\\]`));
    }
  });
});

describe("flags of upscale come from the schema", () => {
  it("has one for each parameter except the two that are given otherwise", () => {
    const names = parameterFlags().map(({ parameter }) => parameter);
    const all = Object.keys(parameterSchemas.videoParameters.shape);
    expect(names).toEqual(all.filter((name) => name !== "file_path" && name !== "output_path"));
  });

  const cases: [string, unknown, Record<string, unknown>][] = [
    ["resolution", "720", { resolution: 720 }],
    ["resolution", "1080p", { resolution: "1080p" }],
    ["resolution", " ", { resolution: " " }],
    ["scale", "1.5", { scale: 1.5 }],
    ["ditModel", "3b_fp8", { dit_model: "3b_fp8" }],
    ["ditModel", "7", { dit_model: "7" }],
    ["overwrite", true, { overwrite: true }],
    ["batchSize", "5", { batch_size: 5 }],
    ["json", true, {}],
  ];
  it.each(cases)("%s %j", (key, typed, parameters) => {
    expect(givenParameters({ [key]: typed })).toEqual(parameters);
  });

  it("sends no default that nobody gave", () => {
    expect(givenParameters({})).toEqual({});
    expect(parameterFlags().find(({ parameter }) => parameter === "seed")?.default).toBe(42);
  });
});

describe("failures", () => {
  it("has an exit code other than success for every error", () => {
    for (const code of errorCodes) expect(exitCodes[code]).toBeGreaterThan(0);
  });

  it.each([
    ["invalid_parameter", 2],
    ["not_found", 3],
    ["wrong_state", 4],
    ["engine_unreachable", 5],
    ["worker_died", 1],
    ["cancelled", 130],
  ] as const)("%s exits with %i", (code, exit) => {
    expect(exitCodes[code]).toBe(exit);
  });

  it("says what, why and what to do on lines of their own", () => {
    const error = new EngineError("disk_full", { what: "It is full.", why: "It is small.", todo: "Free some." });
    expect(failureLines(error)).toEqual(["error: It is full.", "why:   It is small.", "hint:  Free some."]);
    expect(failureLines(new EngineError("internal", { what: "So." }))).toEqual(["error: So."]);
  });
});
