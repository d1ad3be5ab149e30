import { describe, expect, it } from "vitest";
import { outputName } from "../../engine/tasks/output-name.ts";
import { targetSize } from "../../engine/tasks/target-size.ts";
import { aSubmission } from "../contracts/task-store-contract.ts";

describe("output names", () => {
  const name = (inputName: string, changes = {}, tile: number | null = null) => {
    const submission = aSubmission({ inputName, target: { width: 1920, height: 1080 }, ...changes });
    return outputName(submission, "3b_fp8", { seconds: 25, tile });
  };

  it("say what made the result", () => {
    expect(name("video.mp4")).toBe("video_3b_fp8_1080p_b5_clab_s42_25s.mp4");
  });

  it("say the tile quality when tiled", () => {
    const parameters = { ...aSubmission().parameters, vae_tiling: "on", vae_quality: "medium" };
    expect(name("video.mp4", { parameters })).toBe("video_3b_fp8_1080p_b5_clab_s42_vaeM_25s.mp4");
  });

  it.each([
    [384, "L"],
    [512, "L"],
    [640, "M"],
    [896, "H"],
    [2048, "H"],
  ])("say the smallest quality of no smaller tiles where memory chose %d pixels", (tile, letter) => {
    expect(name("video.mp4", {}, tile)).toBe(`video_3b_fp8_1080p_b5_clab_s42_vae${letter}_25s.mp4`);
  });

  it("have batch 1 for pictures", () => {
    const output = { ...aSubmission().output, format: "png" };
    expect(name("photo.jpg", { kind: "image", output })).toBe("photo_3b_fp8_1080p_b1_clab_s42_25s.png");
  });

  it("get a number where they are taken", () => {
    expect(outputName(aSubmission({ inputName: "v.mp4" }), "m", { seconds: 1, tile: null }, 3)).toMatch(/_1s_3\.mp4$/);
  });

  it.each([
    ["control and path characters", 'a\nb/../c"\u0000.mp4', /^[^\n/"\u0000]+$/],
    ["more than 120 bytes", `${"ü".repeat(100)}.mp4`, /^ü{60}_3b_fp8/],
    ["nothing but dots", "....mp4", /^[^.]/],
    ["no name", "", /^file_/],
  ])("are clean with %s", (_what, given, expected) => {
    expect(name(given)).toMatch(expected);
  });
});

describe("target size", () => {
  it.each([
    [{ width: 640, height: 360 }, { resolution: 720 }, "video", "1280x720"],
    [{ width: 360, height: 640 }, { resolution: 720 }, "video", "720x1280"],
    [{ width: 640, height: 360 }, {}, "image", "1920x1080"],
    [{ width: 640, height: 360 }, { scale: 1.5 }, "image", "960x540"],
    [{ width: 33, height: 17 }, { scale: 1 }, "image", "33x17"],
    [{ width: 33, height: 17 }, { scale: 3 }, "video", "98x50"],
    [{ width: 640, height: 360 }, { resolution: 720, max_resolution: 1000 }, "image", "1000x563"],
    [{ width: 640, height: 360 }, { resolution: 720, max_resolution: 1280 }, "image", "1280x720"],
    [{ width: 1, height: 1 }, { scale: 1 }, "image", "1x1"],
    [{ width: 1, height: 1 }, { scale: 1 }, "video", "2x2"],
  ] as const)("of %o with %o as %s is %s", (source, wish, kind, expected) => {
    const { width, height } = targetSize(source, wish, { kind });
    expect(`${width}x${height}`).toBe(expected);
  });

  it("refuses resolution and scale together", () => {
    expect(() => targetSize({ width: 9, height: 9 }, { resolution: 16, scale: 2 }, { kind: "image" })).toThrow(
      /one of them/,
    );
  });

  it.each([
    [{ width: 1000, height: 1 }, { kind: "image" }, 518],
    [{ width: 1600, height: 900 }, { kind: "video" }, 4608],
    [{ width: 100, height: 100 }, { kind: "image", pages: 100 }, 1638],
    [{ width: 300, height: 100 }, { kind: "image", format: { name: "WebP", maxSide: 16_383 } }, 5461],
  ] as const)("names the largest resolution that fits %o as %o", (source, bounds, largest) => {
    const refusal = expect.objectContaining({
      code: "too_large",
      facts: expect.objectContaining({ largest_resolution: largest }),
    });
    expect(() => targetSize(source, { resolution: 16384 }, bounds)).toThrow(refusal as never);
    expect(() => targetSize(source, { resolution: largest }, bounds)).not.toThrow();
    expect(() => targetSize(source, { resolution: largest + 1 }, bounds)).toThrow(refusal as never);
  });

  it("names a scale where no resolution fits", () => {
    const strip = { width: 3_000_000, height: 2 };
    const bounds = { kind: "image" } as const;
    expect(() => targetSize(strip, {}, bounds)).toThrow(/1620000000x1080.*268 megapixels.*a scale of 6.74 at most/);
    expect(targetSize(strip, { scale: 6.74 }, bounds)).toEqual({ width: 20_220_000, height: 13 });
  });
});
