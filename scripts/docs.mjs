/**
 * `npm run docs`: writes docs/API.md, docs/API_CN.md and the tables in the READMEs and docs/models.md between
 * `<!-- generated: NAME -->` and `<!-- end -->` from the schemas and the catalogue the program runs on. With `--check` it
 * writes nothing and exits with 1 if a document is not fresh.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { tsImport } from "tsx/esm/api";
import {
  endpointsSection,
  errorsSection,
  modelsByMemorySection,
  modelsSection,
  operationsSection,
  settingsSection,
  toolsSection,
} from "./document-tables.mjs";
import { words } from "./document-words.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const load = (path) => tsImport(`${root}${path}`, import.meta.url);
const { version } = JSON.parse(readFileSync(`${root}package.json`, "utf8"));

const { operations, errorCodes } = await load("engine/index.ts");
const { tools } = await load("mcp/index.ts");
const { openApiDocument } = await load("http/index.ts");
const { statusOf } = await load("http/errors.ts");
const { settingsTable, defaultText } = await load("src/settings.ts");
const catalogue = await load("engine/models/catalogue.ts");
const { publishedFile } = await load("engine/models/published-files.ts");
const { shortName } = await load("engine/models/model-list.ts");
const { exitCodes } = await load("src/exit-codes.ts");

const source = {
  operations,
  errorCodes,
  tools,
  statusOf,
  settingsTable,
  defaultText,
  exitCodes,
  models: [...catalogue.contractModels, catalogue.builtinModel, ...catalogue.furtherModels],
  publishedFile,
  shortName,
  openApi: openApiDocument(version),
  // Defaults that depend on the machine have words of their own, so that these never show.
  surroundings: { platform: "linux", environment: {}, home: "~", exists: () => false },
};

const sections = {
  settings: settingsSection,
  tools: toolsSection,
  endpoints: endpointsSection,
  errors: errorsSection,
  models: modelsSection,
  "models-by-memory": modelsByMemorySection,
};

function reference(w) {
  return (
    [
      `# ${w.title}`,
      `<!-- ${w.origin} -->`,
      w.intro,
      `## ${w.tools}`,
      toolsSection(source, w),
      `## ${w.endpoints}`,
      w.endpointsIntro,
      endpointsSection(source, w),
      `## ${w.errors}`,
      w.errorsIntro,
      errorsSection(source, w),
      `## ${w.settings}`,
      w.settingsIntro,
      settingsSection(source, w),
      `## ${w.operations}`,
      operationsSection(source, w),
      "",
    ]
      .join("\n\n")
      .trimEnd() + "\n"
  );
}

/** The text with each marked table made anew; a marker whose name is unknown is a mistake. */
function withTables(text, w) {
  return text.replace(/(<!-- generated: (\S+) -->\n)[\s\S]*?(<!-- end -->)/g, (_, open, name, end) => {
    if (!(name in sections))
      throw new Error(`There is no generated table "${name}": ${Object.keys(sections).join(", ")}.`);
    return `${open}\n${sections[name](source, w)}\n\n${end}`;
  });
}

function textOf(path) {
  try {
    return readFileSync(`${root}${path}`, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}

const documents = [
  { path: "docs/API.md", fresh: () => reference(words.en) },
  { path: "docs/API_CN.md", fresh: () => reference(words.zh) },
  { path: "docs/models.md", fresh: (text) => text && withTables(text, words.en) },
  { path: "README.md", fresh: (text) => text && withTables(text, words.en) },
  { path: "README.zh-CN.md", fresh: (text) => text && withTables(text, words.zh) },
];

const isCheck = process.argv.includes("--check");
for (const { path, fresh } of documents) {
  const present = textOf(path);
  const wanted = fresh(present);
  if (wanted === present) continue;
  if (isCheck) {
    process.stdout.write(`${path} is not fresh: run npm run docs\n`);
    process.exitCode = 1;
    continue;
  }
  mkdirSync(dirname(`${root}${path}`), { recursive: true });
  writeFileSync(`${root}${path}`, wanted);
  process.stdout.write(`${path} written\n`);
}
