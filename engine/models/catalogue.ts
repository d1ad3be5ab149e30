/** The SeedVR2 checkpoints people have, as published; texts for whoever has to choose. Order is the contract's. */

export interface PublishedModel {
  readonly name: string;
  readonly params: "3B" | "7B";
  readonly precision: string;
  readonly size: string;
  readonly vram: string;
  readonly variant: "Sharp" | null;
  readonly desc: { readonly en: string; readonly "zh-CN": string };
}

interface Family {
  readonly params: "3B" | "7B";
  readonly variant: "Sharp" | null;
  readonly stem: string;
  readonly en: string;
  readonly zh: string;
}

interface Format {
  readonly precision: string;
  readonly suffix: string;
  readonly en: string;
  readonly zh: string;
  /** Size of the file and memory on a GPU, by params. */
  readonly needs: Readonly<Partial<Record<"3B" | "7B", readonly [size: string, vram: string]>>>;
}

const families: readonly Family[] = [
  { params: "3B", variant: null, stem: "3b", en: "3B", zh: "3B" },
  { params: "7B", variant: null, stem: "7b", en: "7B, finer detail", zh: "7B,细节更好" },
  { params: "7B", variant: "Sharp", stem: "7b_sharp", en: "7B Sharp, crisper", zh: "7B Sharp,更锐利" },
];

const formats: readonly Format[] = [
  {
    ...{ precision: "FP16", suffix: "_fp16.safetensors", en: "best quality", zh: "质量最佳" },
    needs: { "3B": ["6.4GB", "~12GB"], "7B": ["16GB", "~24GB"] },
  },
  {
    ...{ precision: "FP8", suffix: "_fp8_e4m3fn.safetensors" },
    ...{ en: "good quality in half the memory", zh: "质量良好,内存减半" },
    needs: { "3B": ["3.2GB", "~8GB"], "7B": ["7.7GB", "~16GB"] },
  },
  {
    ...{ precision: "Q4", suffix: "-Q4_K_M.gguf", en: "acceptable quality, least memory", zh: "质量尚可,内存最少" },
    needs: { "3B": ["1.9GB", "~4GB"], "7B": ["4.5GB", "~8GB"] },
  },
  {
    ...{ precision: "Q8", suffix: "-Q8_0.gguf", en: "good quality, little memory", zh: "质量良好,内存较少" },
    needs: { "3B": ["3.5GB", "~6GB"], "7B": ["8.3GB", "~12GB"] },
  },
];

/** Files that cure the lines of the plain 7B fp8 files (beyond-the-reference.md section 6). */
const mixed: readonly Format[] = [
  {
    ...{ precision: "FP8", suffix: "_fp8_e4m3fn_mixed_block35_fp16.safetensors" },
    en: "good quality in half the memory, last block in FP16 against the lines of plain FP8",
    zh: "质量良好,内存减半,末块为 FP16,避免普通 FP8 的条纹",
    needs: { "7B": ["8.5GB", "~16GB"] },
  },
];

/** ComfyUI's own files; memory as that of the contract's file of the same size (seedvr2-comfy-checkpoints.md section 1). */
const comfy: readonly Format[] = [
  {
    ...{ precision: "FP16", suffix: "_fp16.safetensors" },
    ...{ en: "ComfyUI's file, best quality", zh: "ComfyUI 版,质量最佳" },
    needs: { "3B": ["6.3GB", "~12GB"], "7B": ["15.4GB", "~24GB"] },
  },
  {
    ...{ precision: "FP8", suffix: "_fp8_e4m3fn.safetensors" },
    en: "ComfyUI's file with everything in FP8, half the memory",
    zh: "ComfyUI 版,全部为 FP8,内存减半",
    needs: { "3B": ["3.2GB", "~8GB"], "7B": ["7.7GB", "~16GB"] },
  },
  {
    ...{ precision: "INT8", suffix: "_int8_convrot.safetensors" },
    en: "ComfyUI's file, rotated INT8: close to FP16 in half the memory",
    zh: "ComfyUI 版,旋转 INT8:接近 FP16,内存减半",
    needs: { "3B": ["3.2GB", "~8GB"], "7B": ["7.8GB", "~16GB"] },
  },
  {
    ...{ precision: "MXFP8", suffix: "_mxfp8.safetensors" },
    en: "ComfyUI's file, FP8 with block scales: good quality in half the memory",
    zh: "ComfyUI 版,带块缩放的 FP8:质量良好,内存减半",
    needs: { "3B": ["3.3GB", "~8GB"], "7B": ["8.0GB", "~16GB"] },
  },
  {
    ...{ precision: "NVFP4", suffix: "_nvfp4.safetensors" },
    en: "ComfyUI's file, FP4 with block scales: acceptable quality, least memory",
    zh: "ComfyUI 版,带块缩放的 FP4:质量尚可,内存最少",
    needs: { "3B": ["1.9GB", "~4GB"], "7B": ["4.4GB", "~8GB"] },
  },
];

/** The published checkpoint a machine without a wish should use. */
export const recommendedModel = "seedvr2_ema_3b_fp8_e4m3fn.safetensors";

/** The contract's twelve. */
export const contractModels: readonly PublishedModel[] = combined("seedvr2_ema_", formats);

/** Those that are listed behind the built-in one. */
export const furtherModels: readonly PublishedModel[] = [
  ...combined("seedvr2_ema_", mixed),
  ...combined("seedvr2_", comfy),
];

function combined(prefix: string, kinds: readonly Format[]): PublishedModel[] {
  return families.flatMap((family) => kinds.flatMap((format) => modelOf(prefix, family, format) ?? []));
}

function modelOf(prefix: string, family: Family, format: Format): PublishedModel | null {
  const needs = format.needs[family.params];
  if (!needs) return null;
  const name = `${prefix}${family.stem}${format.suffix}`;
  const { params, variant } = family;
  const [size, vram] = needs;
  const more = remarks(name, family, format);
  return {
    ...{ name, params, precision: format.precision, size, vram, variant },
    desc: { en: `${family.en}: ${format.en}${more.en}`, "zh-CN": `${family.zh}:${format.zh}${more.zh}` },
  };
}

/** What is said of single files. Plain 7B FP8 is known for lines and grids (beyond-the-reference.md section 6). */
function remarks(name: string, { params, stem }: Family, { precision }: Format): { en: string; zh: string } {
  if (name === recommendedModel) return { en: " (recommended)", zh: "(推荐)" };
  if (params !== "7B" || precision !== "FP8" || name.includes("mixed")) return { en: "", zh: "" };
  const better = `seedvr2_ema_${stem}_fp8_e4m3fn_mixed_block35_fp16`;
  return { en: `; may show lines, ${better} does not`, zh: `;可能出现条纹,${better} 则不会` };
}

export const builtinModel = {
  name: "builtin_x2.onnx",
  params: "97K",
  precision: "FP32",
  size: "0.4MB",
  vram: "~0.3GB",
  variant: null,
  desc: {
    en: "Built in: small and fast on any processor, faithful, invents no detail",
    "zh-CN": "内置:小而快,任何处理器可用,忠实原图,不虚构细节",
  },
} as const;
