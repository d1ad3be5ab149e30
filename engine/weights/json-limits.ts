/** Deepest nesting of a safetensors header: the header, a tensor, its shape; one level to spare. */
const MAX_DEPTH = 4;

/**
 * Looks through JSON text before it is parsed: objects and arrays nested too deeply and names that occur twice in one
 * object, which JSON.parse would accept silently. Returns what is wrong, or nothing. Does not check the rest of the
 * grammar; JSON.parse does.
 */
export function jsonFault(text: string): { found: string; allowed: string } | undefined {
  const open: Set<string>[] = [];
  const token = /"(?:[^"\\]|\\.)*"(\s*:)?|[{}[\]]/gs;
  for (let match = token.exec(text); match; match = token.exec(text)) {
    const [found, colon] = match;
    if (found === "{" || found === "[") {
      if (open.push(new Set()) > MAX_DEPTH) return { found: "nested deeper", allowed: `${MAX_DEPTH} levels` };
    } else if (found === "}" || found === "]") {
      open.pop();
    } else if (colon !== undefined) {
      const name = nameIn(found);
      const names = open.at(-1);
      if (names?.has(name)) return { found: `the name ${name} twice`, allowed: "each name once" };
      names?.add(name);
    }
  }
  return undefined;
}

/** The name in `"name" :`, escapes resolved where they are valid. */
function nameIn(found: string): string {
  const literal = found.slice(0, found.lastIndexOf('"') + 1);
  try {
    return JSON.parse(literal) as string;
  } catch {
    return literal;
  }
}
