import { Argument, Command, CommanderError, Option } from "commander";
import { parameterSchemas } from "../engine/index.ts";
import { loadSettings } from "./config.ts";
import type { SettingFlags, Settings } from "./config.ts";
import { hosts } from "./commands/host-block.ts";
import type { HostName } from "./commands/host-block.ts";
import { exitCodes } from "./exit-codes.ts";
import { reportFailure } from "./failure.ts";
import { programVersion } from "./installation.ts";
import { flagKey, settingNames, settingsTable } from "./settings.ts";
import type { Setting } from "./settings.ts";
import { givenParameters, parameterFlags, type ParameterFlag } from "./upscale/flags.ts";

type Options = Readonly<Record<string, unknown>>;
/** What a command does with settings, its options and its arguments; the exit code. */
type Run = (settings: Settings, options: Options, given: readonly string[]) => Promise<number>;

/** Runs the command line and answers the exit code; failures are shown, never thrown. */
export async function runProgram(given: readonly string[]): Promise<number> {
  // A reader that has seen enough, as in `seedvr2 tasks list | head`, is no failure.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => process.exit(error.code === "EPIPE" ? 0 : 1));
  let code = 0;
  const program = makeProgram((result) => (code = result));
  try {
    await program.parseAsync(given, { from: "user" });
    return code;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, given.includes("--json"));
    // Commander has said what it had to say.
    return error.exitCode === 0 ? 0 : exitCodes.invalid_parameter;
  }
}

/** The command line; `done` is told each command's exit code. */
export function makeProgram(done: (code: number) => void): Command {
  const program = new Command("seedvr2")
    .description("Restores and enlarges pictures and clips; one engine on this machine does the work of all callers.")
    .version(programVersion(), "--version", "Show the version.")
    .helpOption("-h, --help", "Show help.")
    .helpCommand("help [command]", "Show help for a command.")
    .showHelpAfterError("(add --help for what is possible)")
    .exitOverride()
    .addHelpText("after", programHelp)
    // Without a command and without a host on stdin somebody wants to know what there is.
    .action(() => program.outputHelp());
  addSettingFlags(program, undefined);
  for (const add of [addUpscale, addPlan, addServe, addMcp, addTasks, addModels, addDoctor, addStop, addConfig])
    add(program, done);
  return program;
}

const programHelp = `
Examples:
  seedvr2 upscale photo.jpg                          result in the output folder
  seedvr2 upscale clip.mp4 --resolution 1440 -o big/
  seedvr2 upscale 'holiday/*.jpg' --scale 2 --json
  seedvr2 plan clip.mp4 --resolution 2160            what it would need here
  seedvr2 config claude                              what Claude Desktop needs to know
  seedvr2 doctor                                     what works here, and where settings come from

Without arguments and with something on stdin it speaks MCP, as "seedvr2 mcp" does.
Exit codes: 0 done, 1 failed, 2 bad input, 3 not found or not installed, 4 not possible now,
5 no engine, 130 cancelled. All settings: README, or seedvr2 doctor.`;

function addUpscale(program: Command, done: (code: number) => void): void {
  const command = program
    .command("upscale")
    .description("Enlarge pictures and clips: files, folders (with all below them) or patterns.")
    .argument("<in...>", "files, folders or patterns")
    .option("-o, --output <path>", "File for the result, or a folder (existing, or with a separator at its end).")
    .option("--detach", "Print the tasks' ids and leave; the work goes on.");
  addParameterFlags(command, parameterFlags());
  command.addHelpText(
    "after",
    `
Results' paths go to stdout, all else to stderr. Ctrl-C cancels the tasks; a second one leaves at once.

Examples:
  seedvr2 upscale photo.jpg -o photo-big.png
  seedvr2 upscale old-films/ -o restored/ --resolution 1080 --codec hevc
  seedvr2 upscale clip.mp4 --preview-frames 10        the first frames only
  seedvr2 tasks wait $(seedvr2 upscale clip.mp4 --detach)`,
  );
  finish(command, done, async (settings, options, given) => {
    const { upscale } = await import("./commands/upscale.ts");
    return upscale(settings, {
      inputs: given,
      output: (options["output"] as string | undefined) ?? null,
      parameters: givenParameters(options),
      detach: Boolean(options["detach"]),
      json: Boolean(options["json"]),
    });
  });
}

function addParameterFlags(command: Command, flags: readonly ParameterFlag[]): void {
  for (const flag of flags) {
    const option = new Option(flag.text, flag.description);
    // Shown, not set: only what was given goes to the engine, which knows the default for the kind of file.
    if (flag.default !== undefined && flag.default !== false)
      option.description += ` (default: ${String(flag.default)})`;
    command.addOption(option);
  }
}

function addPlan(program: Command, done: (code: number) => void): void {
  const command = program
    .command("plan")
    .description("Say what enlarging a file would do and need here, and what would fit, without doing it.")
    .argument("<file>", "a picture or clip");
  addParameterFlags(command, parameterFlags(parameterSchemas.planParameters));
  finish(command, done, async (settings, options, [file = ""]) => {
    const { plan } = await import("./commands/plan.ts");
    return plan(settings, { file, parameters: givenParameters(options), json: Boolean(options["json"]) });
  });
}

function addServe(program: Command, done: (code: number) => void): void {
  const command = program
    .command("serve")
    .description("Run the engine here with REST, the web page and MCP over HTTP, until it is stopped.")
    .addOption(new Option("--idle-exit").hideHelp());
  addSettingFlags(command, "serve");
  finish(command, done, async (settings, options) => {
    const { serve } = await import("./serve.ts");
    await serve(settings, { idleExit: Boolean(options["idleExit"]) });
    return 0;
  });
}

function addMcp(program: Command, done: (code: number) => void): void {
  const command = program
    .command("mcp")
    .description("Speak MCP on stdin and stdout, for hosts such as Claude Desktop and Cursor.");
  command.action(async () => {
    const { startMcp } = await import("./commands/mcp.ts");
    done(await startMcp(settingFlags(command.optsWithGlobals())));
  });
}

function addTasks(program: Command, done: (code: number) => void): void {
  const tasks = program.command("tasks").description("Look at tasks and steer them.");
  const list = tasks
    .command("list")
    .description("What runs, what waits and what has ended.")
    .option("--limit <number>", "How many ended tasks at most.", "20")
    .addOption(
      new Option("--status <state>", "Which ended tasks.")
        .choices(["completed", "failed", "cancelled", "all"])
        .default("all"),
    );
  finish(list, done, async (settings, options) => {
    const { listTasks } = await import("./commands/tasks.ts");
    const history = { limit: numberOr(options["limit"]) as number, status: options["status"] as "all" };
    return listTasks(settings, { json: Boolean(options["json"]), history });
  });
  const wait = tasks
    .command("wait")
    .description("Wait until a task has ended and print the result's path. Ctrl-C ends the waiting, not the task.")
    .argument("<id>", "the task's id")
    .option("--timeout <seconds>", "Wait this long at most; exit code 1 if the task has not ended then.");
  finish(wait, done, async (settings, options, [id = ""]) => {
    const { waitForTask } = await import("./commands/tasks.ts");
    const timeout = numberOr(options["timeout"]) as number | undefined;
    return waitForTask(settings, { id, json: Boolean(options["json"]), timeout });
  });
  const actions = {
    status: ["get_task_status", "Show a task's state."],
    cancel: ["cancel_task", "End a waiting or running task; what it has computed so far is lost."],
    retry: ["retry_task", "Queue a failed or cancelled task again."],
  } as const;
  for (const [name, [operation, description]] of Object.entries(actions)) {
    const command = tasks.command(name).description(description).argument("<id>", "the task's id");
    finish(command, done, async (settings, options, [id = ""]) => {
      const { actOnTask } = await import("./commands/tasks.ts");
      return actOnTask(settings, operation, { id, json: Boolean(options["json"]) });
    });
  }
}

function addModels(program: Command, done: (code: number) => void): void {
  const models = program
    .command("models")
    .description("List the models, what they need and whether they run here, and the size of repacked files.");
  finish(models, done, async (settings, options) => {
    const { listModels } = await import("./commands/models.ts");
    return listModels(settings, Boolean(options["json"]));
  });
  const clean = models
    .command("clean")
    .description("Remove repacked files that no running task uses; they are made again when they are needed.");
  finish(clean, done, async (settings, options) => {
    const { cleanModels } = await import("./commands/models.ts");
    return cleanModels(settings, Boolean(options["json"]));
  });
  const pull = models
    .command("pull")
    .description("Fetch a model with all it needs into the model folder; goes on where an earlier attempt ended.")
    .argument("<model>", "its name, in full or short");
  finish(pull, done, async (settings, options, [name = ""]) => {
    const { pullModel } = await import("./commands/models.ts");
    return pullModel(settings, name, Boolean(options["json"]));
  });
}

const doctorHelp = `
With --model it prints one block that can be pasted into a report; nothing private stands in it. Exit codes then: 0 the
model passes, 1 its file is odd or fails, 4 the machine fails, or nothing could be decided.

Examples:
  seedvr2 doctor
  seedvr2 doctor --model 3b_fp8`;

function addDoctor(program: Command, done: (code: number) => void): void {
  const command = program
    .command("doctor")
    .description("Check this machine: Node, ffmpeg, devices, folders, port, engine, and where each setting comes from.")
    .option("--model <name>", "Check a model instead: look at its files and have it enlarge a picture.");
  command.addHelpText("after", doctorHelp);
  finish(command, done, async (settings, options) => {
    const model = options["model"];
    if (typeof model === "string") {
      const { doctorModel } = await import("./commands/doctor-model.ts");
      return doctorModel(settings, model, Boolean(options["json"]));
    }
    const { doctor } = await import("./commands/doctor.ts");
    return doctor(settings, Boolean(options["json"]));
  });
}

function addStop(program: Command, done: (code: number) => void): void {
  const command = program
    .command("stop")
    .description("End the engine after its last finished segment; the next call starts another, which goes on.");
  finish(command, done, async (settings, options) => {
    const { stopEngine } = await import("./commands/stop.ts");
    return stopEngine(settings, Boolean(options["json"]));
  });
}

function addConfig(program: Command, done: (code: number) => void): void {
  const command = program
    .command("config")
    .description("Print the block that makes an MCP host start this program.")
    .addArgument(new Argument("<host>", "which host").choices(Object.keys(hosts)));
  command.action(async (host: HostName) => {
    const { printHostBlock } = await import("./commands/host-block.ts");
    done(printHostBlock(host));
  });
}

/** Gives a command --json and what it does. */
function finish(command: Command, done: (code: number) => void, run: Run): void {
  command.option("--json", "One JSON object a line on stdout.");
  command.action(async () => {
    const options = command.optsWithGlobals<Options>();
    done(await run(loadSettings(settingFlags(options)), options, command.args));
  });
}

function addSettingFlags(command: Command, on: "serve" | undefined): void {
  for (const name of settingNames) {
    const { flag, does }: Setting = settingsTable[name];
    if (flag && flag.on === on) command.option(flag.text, `${does} [${name}]`);
  }
}

/** Settings given as flags, by environment name. */
function settingFlags(options: Options): SettingFlags {
  const given = settingNames.flatMap((name) => {
    const { flag }: Setting = settingsTable[name];
    const value = flag && options[flagKey(flag.text)];
    return typeof value === "string" ? [[name, value]] : [];
  });
  return Object.fromEntries(given) as SettingFlags;
}

/** What is no number stays as it was typed, for the schema to refuse. */
function numberOr(typed: unknown): unknown {
  return typeof typed === "string" && typed.trim() !== "" && !Number.isNaN(Number(typed)) ? Number(typed) : typed;
}
