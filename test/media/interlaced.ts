import type { Frame } from "../../engine/media/frame.ts";
import { ffmpegCommand } from "./media-files.ts";

/** Bars that move sideways, 50 fields a second woven into frames. */
export function interlacedClip(path: string, first: "top" | "bottom", output: readonly string[]): void {
  const bars = "geq=lum='if(lt(mod(X+N*5,64),32),200,50)':cb=128:cr=128,format=yuv420p";
  const weave = `tinterlace=${first === "top" ? "interleave_top" : "interleave_bottom"}`;
  ffmpegCommand(
    ...["-f", "lavfi", "-i", "color=s=320x256:r=50:d=0.64", "-vf", `${bars},${weave}`],
    ...[...output, path],
  );
}

/** How much more neighbouring rows differ than rows of one field do: combs. */
export function combing(frame: Frame | undefined): number {
  const { width = 0, height = 0, rgb = new Uint8Array(0) } = frame ?? {};
  let sum = 0;
  for (let y = 0; y + 2 < height; y++) {
    for (let x = 0; x < width; x++) {
      const at = (row: number) => rgb[((y + row) * width + x) * 3] ?? 0;
      sum += Math.abs(at(0) - at(1)) - Math.abs(at(0) - at(2));
    }
  }
  return sum / (width * height);
}
