import { z } from "zod";

/**
 * The tables of the documents. `source` is what the program itself runs on: operations, tools, OpenAPI document,
 * settings, statuses and exit codes; `w` the words of a language.
 */

export function settingsSection({ settingsTable, defaultText, surroundings }, w) {
  const c = w.columns;
  const rows = Object.entries(settingsTable).map(([name, entry]) => [
    code(name),
    defaultCell(entry, defaultText(entry, surroundings)),
    entry.unit ?? "",
    entry.flag ? code(entry.flag.text) + (entry.flag.on ? ` (${entry.flag.on})` : "") : "",
    w.settingTexts[name] ?? entry.does,
  ]);
  return markdownTable([c.name, c.standard, c.unit, c.flag, c.meaning], rows);
}

/** Values are code, descriptions of them are words. */
function defaultCell(entry, text) {
  return entry.defaultText ? text : code(text);
}

export function toolsSection({ tools }, w) {
  const rows = tools.map(({ name, title, inputSchema }) => {
    const parameters = Object.entries(inputSchema.properties ?? {});
    return [code(name), w.titles[name] ?? title, parameters.map(parameterCell(inputSchema)).join(", ") || w.none];
  });
  return markdownTable([w.columns.tool, w.columns.does, w.parameters], rows);
}

function parameterCell(schema) {
  return ([name, { default: standard }]) => {
    if (schema.required?.includes(name)) return `**${code(name)}**`;
    return code(standard === undefined ? name : `${name} ${JSON.stringify(standard)}`);
  };
}

export function endpointsSection({ openApi }, w) {
  const rows = Object.entries(openApi.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { operationId, summary }]) => [
      code(method.toUpperCase()),
      code(path),
      w.titles[operationId] ?? summary,
    ]),
  );
  return markdownTable([w.columns.method, w.columns.path, w.columns.does], rows);
}

export function errorsSection({ errorCodes, statusOf, exitCodes }, w) {
  const rows = errorCodes.map((name) => [code(name), String(statusOf(name)), String(exitCodes[name])]);
  return markdownTable([w.columns.code, w.columns.status, w.columns.exit], rows);
}

/** Every published model and the built-in one, in the order in which they are listed. */
export function modelsSection({ models, publishedFile }, w) {
  const c = w.columns;
  const rows = models.map(({ name, params, precision, size, vram, variant, desc }) => [
    code(name),
    variant ? `${params} ${variant}` : params,
    precision,
    size,
    vram,
    desc[w.language],
    publishedFile(name)?.repository ?? w.builtIn,
  ]);
  return markdownTable([c.name, c.params, c.precision, c.size, c.memory, c.goodFor, c.from], rows);
}

/** Short names by the memory that models are said to need, least first. */
export function modelsByMemorySection({ models, shortName }, w) {
  const gigabytes = ({ vram }) => Number(/[\d.]+/.exec(vram)[0]);
  const sorted = models.toSorted((a, b) => gigabytes(a) - gigabytes(b));
  const needs = [...new Set(sorted.map(({ vram }) => vram))];
  const cells = (vram, params) =>
    sorted
      .filter((model) => model.vram === vram && (model.params === params || (params === "3B" && model.params !== "7B")))
      .map(({ name }) => code(name.includes("ema") ? shortName(name) : name.replace(/\.\w+$/, "")))
      .join(", ");
  const rows = needs.map((vram) => [vram, cells(vram, "3B"), cells(vram, "7B")]);
  return markdownTable([w.columns.memory, w.smallNetworks, w.largeNetworks], rows);
}

/** All operations with their parameters and answers. */
export function operationsSection({ operations }, w) {
  return Object.entries(operations)
    .map(([name, operation]) => {
      const input = z.toJSONSchema(operation.input, { io: "input" });
      const output = z.toJSONSchema(operation.output, { io: "output" });
      const title = w.titles[name] ? `${w.titles[name]} (${operation.title})` : operation.title;
      return [
        `### ${code(name)}: ${title}`,
        operation.description,
        `**${w.parameters}**: ${propertiesTable(input, w)}`,
        `**${w.answer}**: ${Object.entries(output.properties).map(answerField).join(", ")}`,
      ].join("\n\n");
    })
    .join("\n\n");
}

function propertiesTable(schema, w) {
  const entries = Object.entries(schema.properties ?? {});
  if (entries.length === 0) return w.none;
  const c = w.columns;
  const rows = entries.map(([name, property]) => [
    code(name),
    typeText(property),
    schema.required?.includes(name)
      ? c.required
      : property.default === undefined
        ? ""
        : code(JSON.stringify(property.default)),
    property.description ?? "",
  ]);
  return `\n\n${markdownTable([c.name, c.type, c.standard, c.meaning], rows)}`;
}

function answerField([name, property]) {
  return `${code(name)} (${typeText(property)})`;
}

function typeText({ type, anyOf, const: value }) {
  if (value !== undefined) return code(JSON.stringify(value));
  return type ?? anyOf?.map(typeText).join(" / ") ?? "";
}

const code = (text) => `\`${text}\``;

function markdownTable(headings, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|").replaceAll("\n", " ")).join(" | ")} |`;
  return [line(headings), line(headings.map(() => "---")), ...rows.map(line)].join("\n");
}
