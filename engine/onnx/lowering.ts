/** How the network's words become operators; depends on the device, never on the network. */
export interface Lowering {
  /** One fused operator, or plain products over blocks of queries where the fused one is missing or wrong. */
  readonly attention: "fused" | "plain";
  /**
   * What layers, convolutions and attention multiply in. With fp16 the residual stream, norms and modulation stay fp32
   * (seedvr2-dit.md section 8, seedvr2-vae.md section 8); scores and softmax do where attention is plain. The fused
   * operator takes and gives fp16, and what it sums in is the provider's.
   */
  readonly arithmetic: "fp32" | "fp16";
  /**
   * `stored`: all types that the processor reads go to the runtime as they lie on disk and are converted while the graph
   * runs. `converted`: only fp32 and fp16 do; GPU providers have no kernels for the others.
   */
  readonly weights: "stored" | "converted";
}

/** The processor multiplies fp32 fastest and converts whatever is stored. */
export const processorLowering: Lowering = { attention: "fused", arithmetic: "fp32", weights: "stored" };
