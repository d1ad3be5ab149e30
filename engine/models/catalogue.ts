/** The SeedVR2 checkpoints people have, as published; texts for whoever has to choose. Order is the contract's. */

export interface PublishedModel {
  readonly name: string;
  readonly params: "3B" | "7B";
  readonly precision: "FP16" | "FP8" | "Q4" | "Q8";
  readonly size: string;
  readonly vram: string;
  readonly variant: "Sharp" | null;
  readonly desc: { readonly en: string; readonly "zh-CN": string };
}

interface Format {
  readonly precision: PublishedModel["precision"];
  readonly suffix: string;
  readonly en: string;
  readonly zh: string;
}

const formats: readonly Format[] = [
  { precision: "FP16", suffix: "_fp16.safetensors", en: "best quality", zh: "质量最佳" },
  { precision: "FP8", suffix: "_fp8_e4m3fn.safetensors", en: "good quality in half the memory", zh: "质量良好,内存减半" },
  { precision: "Q4", suffix: "-Q4_K_M.gguf", en: "acceptable quality, least memory", zh: "质量尚可,内存最少" },
  { precision: "Q8", suffix: "-Q8_0.gguf", en: "good quality, little memory", zh: "质量良好,内存较少" },
];

const sizes = {
  "3B": { FP16: ["6.4GB", "~12GB"], FP8: ["3.2GB", "~8GB"], Q4: ["1.9GB", "~4GB"], Q8: ["3.5GB", "~6GB"] },
  "7B": { FP16: ["16GB", "~24GB"], FP8: ["7.7GB", "~16GB"], Q4: ["4.5GB", "~8GB"], Q8: ["8.3GB", "~12GB"] },
} as const;

/** The published checkpoint a machine without a wish should use. */
export const recommendedModel = "seedvr2_ema_3b_fp8_e4m3fn.safetensors";

const families = [
  { params: "3B", variant: null, stem: "seedvr2_ema_3b", en: "3B", zh: "3B" },
  { params: "7B", variant: null, stem: "seedvr2_ema_7b", en: "7B, finer detail", zh: "7B,细节更好" },
  { params: "7B", variant: "Sharp", stem: "seedvr2_ema_7b_sharp", en: "7B Sharp, crisper", zh: "7B Sharp,更锐利" },
] as const;

export const publishedModels: readonly PublishedModel[] = families.flatMap((family) =>
  formats.map((format) => {
    const name = `${family.stem}${format.suffix}`;
    const [size, vram] = sizes[family.params][format.precision];
    const recommended = name === recommendedModel;
    return {
      name,
      params: family.params,
      precision: format.precision,
      size,
      vram,
      variant: family.variant,
      desc: {
        en: `${family.en}: ${format.en}${recommended ? " (recommended)" : ""}`,
        "zh-CN": `${family.zh}:${format.zh}${recommended ? "(推荐)" : ""}`,
      },
    };
  }),
);

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
