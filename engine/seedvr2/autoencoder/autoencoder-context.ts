import type { AutoencoderSizes } from "../../weights/network.ts";
import type { TimeSlice } from "./time-slice.ts";

/** What no tensor says. The published file: 32 groups, eps 1e-6 (seedvr2-vae.md section 1). */
export interface AutoencoderSettings {
  readonly groups: number;
  readonly eps: number;
}

export const publishedAutoencoder: AutoencoderSettings = { groups: 32, eps: 1e-6 };

/** Channels of the decoder's and encoder's blocks are sizes; how a graph is made of them is the same everywhere. */
export interface AutoencoderContext {
  readonly sizes: AutoencoderSizes;
  readonly settings: AutoencoderSettings;
  readonly time: TimeSlice;
}
