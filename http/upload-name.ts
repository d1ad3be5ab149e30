const maxBytes = 180;

/**
 * A file name that is safe in any folder, made from what a client claims: no folders, no control, formatting or
 * reserved characters, no leading dots, at most 180 bytes of UTF-8 with the extension kept; "upload" if nothing is left.
 */
export function uploadName(claimed: string | undefined): string {
  const base = (claimed ?? "").replace(/^.*[/\\]/s, "");
  const clean = base
    .replace(/[\p{C}\p{Zl}\p{Zp}<>:"|?*]/gu, "_")
    .replace(/^[.\s]+/u, "")
    .replace(/[.\s]+$/u, "");
  if (clean === "") return "upload";
  const extension = /\.[A-Za-z0-9]{1,10}$/.exec(clean)?.[0] ?? "";
  return cut(clean.slice(0, clean.length - extension.length), maxBytes - extension.length) + extension;
}

/** The longest beginning that fits the bytes, whole characters only. */
function cut(text: string, bytes: number): string {
  let used = 0;
  let kept = "";
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > bytes) break;
    kept += character;
  }
  return kept;
}
