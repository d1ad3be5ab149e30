import { settingText } from "../config.ts";
import type { Settings } from "../config.ts";
import { deviceFindings } from "../doctor/devices.ts";
import { engineFindings } from "../doctor/engine.ts";
import type { Finding } from "../doctor/finding.ts";
import {
  comfyFindings,
  faultyModelFindings,
  ffmpegFinding,
  folderFindings,
  packageFindings,
  portFinding,
  systemFinding,
} from "../doctor/machine.ts";
import { engineOwner } from "../engine-owner.ts";
import { printJson, printLine } from "../failure.ts";
import { programVersion } from "../installation.ts";
import { settingNames } from "../settings.ts";
import { table } from "../table.ts";

/** Looks at all that the program depends on; 1 if something will fail. Starts no engine. */
export async function doctor(settings: Settings, json: boolean): Promise<number> {
  const owner = engineOwner(settings.values.SEEDVR2_STATE_DIR);
  const findings: Finding[] = [
    { about: "version", state: "ok", text: programVersion() },
    systemFinding(),
    ...(await packageFindings()),
    await ffmpegFinding(settings),
    ...(await deviceFindings(settings)),
    ...folderFindings(settings),
    ...(await comfyFindings(settings)),
    ...(await faultyModelFindings(settings)),
    await portFinding(settings, owner),
    ...(await engineFindings(settings, owner)),
  ];
  const values = settingNames.map((name) => ({
    name,
    value: settingText(settings, name),
    origin: settings.origins[name],
  }));
  if (json) printJson({ findings, settings: values });
  else printReport(findings, values);
  return findings.some(({ state }) => state === "problem") ? 1 : 0;
}

const marks = { ok: "ok", note: "note", problem: "PROBLEM" } as const;

function printReport(findings: readonly Finding[], values: readonly { name: string; value: string; origin: string }[]) {
  const rows = findings.flatMap(({ state, about, text, todo }) => [
    [marks[state], about, text],
    ...(todo ? [["", "", `-> ${todo}`]] : []),
  ]);
  printLine(table(["", "", ""], rows));
  printLine("");
  printLine(
    table(
      ["setting", "from", "value"],
      values.map(({ name, value, origin }) => [name, origin, value]),
    ),
  );
}
