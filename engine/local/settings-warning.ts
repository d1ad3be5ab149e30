/** Says where a caller's settings for the engine differ from those it runs with; undefined where they do not. */
export function settingsWarning(
  running: Readonly<Record<string, string>>,
  wished: Readonly<Record<string, string>>,
): string | undefined {
  const different = Object.keys(wished).filter((name) => name in running && running[name] !== wished[name]);
  if (!different.length) return undefined;
  const each = different.map((name) => `${name} is ${running[name]} there and ${wished[name]} here`);
  return `The running engine was started with other settings: ${each.join("; ")}. They take effect after seedvr2 stop.`;
}
