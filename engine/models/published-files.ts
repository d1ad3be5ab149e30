/** A file that others have published and that can be fetched. */
export interface PublishedFile {
  readonly name: string;
  /** Repository on Hugging Face, and the file's path in it. */
  readonly repository: string;
  readonly path: string;
  /** Lower-case hexadecimal; null where none is published. */
  readonly sha256: string | null;
  /** What must be in it. */
  readonly holds: "transformer" | "autoencoder" | "prompt";
  /** Whether the transformer's file carries the prompt embedding too. */
  readonly withPrompt: boolean;
}

/** Names under which the prompt embedding is found, in this order. */
export const promptNames = ["pos_emb.pt", "pos_emb.safetensors"] as const;

const NUMZ = "numz/SeedVR2_comfyUI";
const AINVFX = "AInVFX/SeedVR2_comfyUI";
const CMEKA = "cmeka/SeedVR2-GGUF";
const COMFY = "Comfy-Org/SeedVR2";

/** Transformers with a separate prompt embedding: [name, repository, sha256] (seedvr2-pipeline.md section 9). */
const plain: readonly (readonly [string, string, string | null])[] = [
  ["seedvr2_ema_3b_fp16.safetensors", NUMZ, "2fd0e03a3dad24e07086750360727ca437de4ecd456f769856e960ae93e2b304"],
  ["seedvr2_ema_3b_fp8_e4m3fn.safetensors", NUMZ, "3bf1e43ebedd570e7e7a0b1b60d6a02e105978f505c8128a241cde99a8240cff"],
  ["seedvr2_ema_3b-Q4_K_M.gguf", AINVFX, "e665e3909de1a8c88a69c609bca9d43ff5a134647face2ce4497640cc3597f0e"],
  ["seedvr2_ema_3b-Q8_0.gguf", AINVFX, "be0d60083a2051a265eb4b77f28edf494e6db67ffc250216f32b72292e5cbd96"],
  ["seedvr2_ema_7b_fp16.safetensors", NUMZ, "7b8241aa957606ab6cfb66edabc96d43234f9819c5392b44d2492d9f0b0bbe4a"],
  ["seedvr2_ema_7b_fp8_e4m3fn.safetensors", NUMZ, null],
  [
    "seedvr2_ema_7b_fp8_e4m3fn_mixed_block35_fp16.safetensors",
    AINVFX,
    "3d68b5ec0b295ae28092e355c8cad870edd00b817b26587d0cb8f9dd2df19bb2",
  ],
  ["seedvr2_ema_7b-Q4_K_M.gguf", AINVFX, "db9cb2ad90ebd40d2e8c29da2b3fc6fd03ba87cd58cbadceccca13ad27162789"],
  ["seedvr2_ema_7b-Q8_0.gguf", CMEKA, null],
  ["seedvr2_ema_7b_sharp_fp16.safetensors", NUMZ, "20a93e01ff24beaeebc5de4e4e5be924359606c356c9c51509fba245bd2d77dd"],
  ["seedvr2_ema_7b_sharp_fp8_e4m3fn.safetensors", NUMZ, null],
  [
    "seedvr2_ema_7b_sharp_fp8_e4m3fn_mixed_block35_fp16.safetensors",
    AINVFX,
    "0d2c5b8be0fda94351149c5115da26aef4f4932a7a2a928c6f184dda9186e0be",
  ],
  ["seedvr2_ema_7b_sharp-Q4_K_M.gguf", AINVFX, "7aed800ac4eb8e0d18569a954c0ff35f5a1caa3ed5d920e66cc31405f75b6e69"],
  ["seedvr2_ema_7b_sharp-Q8_0.gguf", CMEKA, null],
];

/** ComfyUI's own files, which carry the prompt embedding (seedvr2-comfy-checkpoints.md section 1): [name, sha256]. */
const comfy: readonly (readonly [string, string])[] = [
  ["seedvr2_3b_fp16.safetensors", "98669fd2c06df5eca88baf68cd5c478775c8e61fc110e598c52b350145ea2660"],
  ["seedvr2_3b_fp8_e4m3fn.safetensors", "a0226eaa2c3e6f47ae5ce83225120f16479da890ced1a3bc32b1a14619787914"],
  ["seedvr2_3b_int8_convrot.safetensors", "c3dec8bcc5916843a8a858572970597462e1f2dc598d6dfd818f6cd40f53a157"],
  ["seedvr2_3b_mxfp8.safetensors", "768623e3bfb1752b4d0668782751b5fead58b1bcb153f0b5e03a423095630297"],
  ["seedvr2_3b_nvfp4.safetensors", "c8dea38b04d43295621726e2cd371c0d2d001006169c113aea17950f2cb2e295"],
  ["seedvr2_7b_fp16.safetensors", "2742ca6fee63bc5cc1773f426dd4b07b78cad27f51c9ea5cd42b035e6b592252"],
  ["seedvr2_7b_fp8_e4m3fn.safetensors", "5065e77d647dd553d9090a81e20d6de590d931a61df79d785e008433926ee418"],
  ["seedvr2_7b_int8_convrot.safetensors", "5aa0d25fc9d35e449b659d0c9a5dcb22e2a4fa04032101b95a39da42b32c1be6"],
  ["seedvr2_7b_mxfp8.safetensors", "b40804f47910d96c5089c728cc7ec8b57b956750eabb6397dc4e6e697477263d"],
  ["seedvr2_7b_nvfp4.safetensors", "cc4af1a7bd5377066496f393555478323e806fa21163bdbe3409451aface9b93"],
  ["seedvr2_7b_sharp_fp16.safetensors", "70823bca54b9c24eeb56e1c452697c7c2a430867e58db0e376c6e260f3a4489d"],
  ["seedvr2_7b_sharp_fp8_e4m3fn.safetensors", "7602c5f70868d28e7730035e4e9d745b05d661c8f0a7eb758e63f9c8603596ef"],
  ["seedvr2_7b_sharp_int8_convrot.safetensors", "db48be2f1cc7e36b01a2aa529810f5d9c6a971edd29be225cf1b0eb18d51c366"],
  ["seedvr2_7b_sharp_mxfp8.safetensors", "0d621ec1561a11ca9b5f432ec6d4e09b263b61f4b83b0280552c8b4add030ec3"],
  ["seedvr2_7b_sharp_nvfp4.safetensors", "80d57af7722f5a5bd4c01d2ab2688f2bf05e552e59d3d3287257de709db10397"],
];

const transformer = { holds: "transformer", withPrompt: false } as const;

const transformers: readonly PublishedFile[] = [
  ...plain.map(([name, repository, sha256]) => ({ ...transformer, name, repository, path: name, sha256 })),
  ...comfy.map(([name, sha256]) => {
    return { ...transformer, name, repository: COMFY, path: `diffusion_models/${name}`, sha256, withPrompt: true };
  }),
];

/** The autoencoder that all of them need; a file of another name serves too if its tensors are an autoencoder's. */
export const autoencoderFile: PublishedFile = {
  name: "ema_vae_fp16.safetensors",
  repository: NUMZ,
  path: "ema_vae_fp16.safetensors",
  sha256: "20678548f420d98d26f11442d3528f8b8c94e57ee046ef93dbb7633da8612ca1",
  holds: "autoencoder",
  withPrompt: false,
};

/** The prompt embedding that those without their own need. */
export const promptFile: PublishedFile = {
  name: promptNames[0],
  repository: "ByteDance-Seed/SeedVR2-3B",
  path: promptNames[0],
  sha256: null,
  holds: "prompt",
  withPrompt: false,
};

/** The SHA-256 published for a file name, a transformer's or the autoencoder's; null where none is. */
export function publishedHash(name: string): string | null {
  return (name === autoencoderFile.name ? autoencoderFile : publishedFile(name))?.sha256 ?? null;
}

/** The published transformer of this file name, or nothing. */
export function publishedFile(name: string): PublishedFile | undefined {
  return transformers.find((file) => file.name === name);
}
