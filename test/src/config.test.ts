import { describe, expect, it } from "vitest";
import { callerOf, engineConfig, loadSettings, settingText } from "../../src/config.ts";
import type { SettingFlags } from "../../src/config.ts";
import { engineArguments } from "../../src/connection.ts";
import type { Surroundings } from "../../src/places.ts";
import { settingNames } from "../../src/settings.ts";
import type { SettingName } from "../../src/settings.ts";

/** A machine that is not this one. */
function machine(changes: Partial<Surroundings> = {}): Surroundings {
  return {
    platform: "linux",
    environment: {},
    home: "/home/ada",
    temporary: "/tmp",
    workingDirectory: "/work-dir",
    exists: () => false,
    readText: () => null,
    ...changes,
  };
}

const withFile = (content: unknown, environment = {}) =>
  machine({
    environment,
    readText: (path) => (path === "/home/ada/.config/seedvr2/config.json" ? JSON.stringify(content) : null),
  });

describe("which value counts", () => {
  const cases: {
    case: string;
    flags?: SettingFlags;
    env?: Record<string, string>;
    file?: object;
    is: [number, string];
  }[] = [
    { case: "nothing said", is: [8200, "default"] },
    { case: "file", file: { PORT: 1 }, is: [1, "file"] },
    { case: "file as text", file: { PORT: "1" }, is: [1, "file"] },
    { case: "environment over file", file: { PORT: 1 }, env: { PORT: "2" }, is: [2, "environment"] },
    { case: "flag over all", file: { PORT: 1 }, env: { PORT: "2" }, flags: { PORT: "3" }, is: [3, "flag"] },
    { case: "empty is not given", file: { PORT: 1 }, env: { PORT: "" }, flags: { PORT: "" }, is: [1, "file"] },
    { case: "null in the file is not given", file: { PORT: null }, is: [8200, "default"] },
  ];
  it.each(cases)("$case", ({ flags, env, file, is }) => {
    const settings = loadSettings(flags, withFile(file ?? {}, env));
    expect([settings.values.PORT, settings.origins.PORT]).toEqual(is);
  });
});

describe("places", () => {
  const windows = {
    platform: "win32",
    home: "C:\\Users\\Ada",
    temporary: "C:\\Temp",
    workingDirectory: "C:\\",
  } as const;
  const cases: { case: string; at: Partial<Surroundings>; name: SettingName; is: unknown }[] = [
    { case: "linux", at: {}, name: "SEEDVR2_STATE_DIR", is: "/home/ada/.local/state/seedvr2" },
    { case: "XDG", at: { environment: { XDG_STATE_HOME: "/s" } }, name: "SEEDVR2_STATE_DIR", is: "/s/seedvr2" },
    {
      case: "macOS",
      at: { platform: "darwin", home: "/Users/ada" },
      name: "SEEDVR2_STATE_DIR",
      is: "/Users/ada/Library/Application Support/seedvr2",
    },
    { case: "Windows", at: windows, name: "SEEDVR2_STATE_DIR", is: "C:\\Users\\Ada\\AppData\\Local\\seedvr2" },
    {
      case: "Windows moved",
      at: { ...windows, environment: { LOCALAPPDATA: "D:\\Local" } },
      name: "SEEDVR2_STATE_DIR",
      is: "D:\\Local\\seedvr2",
    },
    {
      case: "Windows settings file",
      at: { ...windows, environment: { APPDATA: "C:\\R" } },
      name: "SEEDVR2_CONFIG",
      is: "C:\\R\\seedvr2\\config.json",
    },
    {
      case: "XDG settings",
      at: { environment: { XDG_CONFIG_HOME: "/c" } },
      name: "SEEDVR2_CONFIG",
      is: "/c/seedvr2/config.json",
    },
    { case: "models", at: {}, name: "MODEL_DIR", is: ["/home/ada/.local/state/seedvr2/models"] },
    {
      case: "uploads follow the state folder",
      at: { environment: { SEEDVR2_STATE_DIR: "/s" } },
      name: "UPLOAD_FOLDER",
      is: "/s/uploads",
    },
    { case: "no Videos", at: {}, name: "OUTPUT_FOLDER", is: "/home/ada/SeedVR2" },
    {
      case: "Videos",
      at: { exists: (p) => p === "/home/ada/Videos" },
      name: "OUTPUT_FOLDER",
      is: "/home/ada/Videos/SeedVR2",
    },
    {
      case: "Movies",
      at: { platform: "darwin", home: "/Users/ada", exists: (p) => p === "/Users/ada/Movies" },
      name: "OUTPUT_FOLDER",
      is: "/Users/ada/Movies/SeedVR2",
    },
    {
      case: "allowed on linux",
      at: { environment: { OUTPUT_FOLDER: "/big/out" } },
      name: "SEEDVR2_ALLOWED_FOLDERS",
      is: ["/home/ada", "/big/out", "/tmp", "/media", "/run/media", "/mnt"],
    },
    {
      case: "allowed on macOS",
      at: { platform: "darwin", home: "/Users/ada" },
      name: "SEEDVR2_ALLOWED_FOLDERS",
      is: ["/Users/ada", "/Users/ada/SeedVR2", "/tmp", "/Volumes"],
    },
    {
      case: "allowed on Windows with two other drives",
      at: { ...windows, exists: (p) => ["C:\\", "D:\\", "X:\\"].includes(p) },
      name: "SEEDVR2_ALLOWED_FOLDERS",
      is: ["C:\\Users\\Ada", "C:\\Users\\Ada\\SeedVR2", "C:\\Temp", "D:\\", "X:\\"],
    },
    { case: "a list", at: { environment: { MODEL_DIR: "/a::/b" } }, name: "MODEL_DIR", is: ["/a", "/b"] },
    {
      case: "a list on Windows",
      at: { ...windows, environment: { MODEL_DIR: "C:\\a;D:\\b" } },
      name: "MODEL_DIR",
      is: ["C:\\a", "D:\\b"],
    },
    { case: "home sign", at: { environment: { OUTPUT_FOLDER: "~/out" } }, name: "OUTPUT_FOLDER", is: "/home/ada/out" },
    { case: "relative", at: { environment: { OUTPUT_FOLDER: "out" } }, name: "OUTPUT_FOLDER", is: "/work-dir/out" },
  ];
  it.each(cases)("$case: $name", ({ at, name, is }) => {
    expect(loadSettings({}, machine(at)).values[name]).toEqual(is);
  });

  it("takes a relative path in the settings file from that file's folder, and lists as arrays", () => {
    const { values } = loadSettings({}, withFile({ OUTPUT_FOLDER: "results", MODEL_DIR: ["/m", "more"] }));
    expect(values.OUTPUT_FOLDER).toBe("/home/ada/.config/seedvr2/results");
    expect(values.MODEL_DIR).toEqual(["/m", "/home/ada/.config/seedvr2/more"]);
  });
});

describe("bad values are refused, naming setting, value and what is allowed", () => {
  const cases: [Record<string, string>, RegExp][] = [
    [{ PORT: "abc" }, /PORT is "abc".*environment.*whole number 0–65535/],
    [{ PORT: "70000" }, /PORT is "70000"/],
    [{ PORT: "-1" }, /PORT is "-1"/],
    [{ MAX_UPLOAD_SIZE: "0" }, /MAX_UPLOAD_SIZE is "0".*1–1000000/],
    [{ GPU_IDLE_TIMEOUT: "1.5" }, /GPU_IDLE_TIMEOUT is "1.5"/],
    [{ SEEDVR2_DEVICE: "gpu" }, /SEEDVR2_DEVICE is "gpu".*one of auto, cpu/],
    [{ SEEDVR2_API_URL: "localhost" }, /SEEDVR2_API_URL is "localhost".*http/],
    [{ SEEDVR2_API_URL: "file:///etc" }, /SEEDVR2_API_URL/],
    [{ HOST: "a b" }, /HOST is "a b"/],
    [{ SEEDVR2_CONFIG: "/nowhere.json" }, /\/nowhere\.json does not exist/],
  ];
  it.each(cases)("%j", (environment, message) => {
    expect(() => loadSettings({}, machine({ environment }))).toThrow(message);
  });

  const files: [string, RegExp][] = [
    ["{", /not valid JSON/],
    ["[]", /not one JSON object/],
    ['{"OUTPUT_FODLER": "/x"}', /OUTPUT_FODLER.*Did you mean OUTPUT_FOLDER/],
    ['{"PORT": "x"}', /PORT is "x".*settings file/],
    ['{"PORT": {}}', /PORT is \{\}/],
    ['{"SEEDVR2_CONFIG": "/x"}', /no setting there/],
  ];
  it.each(files)("settings file %s", (text, message) => {
    expect(() => loadSettings({}, machine({ readText: () => text }))).toThrow(message);
  });
});

describe("what is handed on", () => {
  it("gives the engine its own settings, absolute and in its units", () => {
    const environment = { MAX_UPLOAD_SIZE: "2", GPU_IDLE_TIMEOUT: "0", SEEDVR2_API_TOKEN: "secret" };
    const config = engineConfig(loadSettings({}, machine({ environment })), "/program");
    expect(config).toMatchObject({
      maxUploadBytes: 2 * 1024 * 1024,
      workerIdleSeconds: 0,
      segmentFrames: 250,
      builtinModel: "/program/models/builtin_x2.onnx",
      modelDirs: ["/home/ada/.local/state/seedvr2/models"],
    });
    expect(Object.isFrozen(config)).toBe(true);
    expect(config.settings).toMatchObject({ PORT: "8200", MAX_UPLOAD_SIZE: "2" });
    expect(JSON.stringify(config)).not.toContain("secret");
    expect(Object.keys(config.settings)).not.toContain("OUTPUT_FOLDER");
  });

  it.each([
    ["1", {}, "1"],
    ["GPU-1a2b,GPU-3c4d", {}, "GPU-1a2b,GPU-3c4d"],
    ["none", {}, "-1"],
    ["all", {}, undefined],
    ["", {}, undefined], // the default: SEEDVR2_DEVICE may name any
    ["1", { environment: { CUDA_VISIBLE_DEVICES: "2" } }, "2"],
    ["1", { exists: (path: string) => path === "/.dockerenv" }, undefined], // hidden and numbered anew already
  ])("lets the worker see the NVIDIA GPUs of %j with %j", (wish, more: Partial<Surroundings>, visible) => {
    const at = machine({ ...more, environment: { ...more.environment, NVIDIA_VISIBLE_DEVICES: wish } });
    const { workerEnvironment } = engineConfig(loadSettings({}, at), "/program", at);
    expect(workerEnvironment["CUDA_VISIBLE_DEVICES"]).toBe(visible);
    expect(workerEnvironment["ORT_DISABLE_TELEMETRY"]).toBe("1");
  });

  it("compares only what the caller has set, and never shows the token", () => {
    const environment = { GPU_IDLE_TIMEOUT: "5", OUTPUT_FOLDER: "/out", SEEDVR2_API_TOKEN: "secret" };
    const settings = loadSettings({}, machine({ environment }));
    expect(callerOf(settings)).toMatchObject({
      outputFolder: "/out",
      defaultModel: null,
      engineSettings: { GPU_IDLE_TIMEOUT: "5" },
    });
    expect(settingNames.map((name) => settingText(settings, name)).join()).not.toContain("secret");
  });

  it("starts an engine with the flags that are the engine's", () => {
    const flags = {
      SEEDVR2_STATE_DIR: "/s",
      SEEDVR2_THREADS: "3",
      OUTPUT_FOLDER: "/mine",
      SEEDVR2_API_URL: "http://x",
    };
    const settings = loadSettings(flags, machine({ environment: { SEEDVR2_DEVICE: "cpu" } }));
    expect(engineArguments(settings)).toEqual(["serve", "--idle-exit", "--state-dir", "/s", "--threads", "3"]);
  });
});
