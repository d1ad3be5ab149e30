import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import installer from "@ffmpeg-installer/ffmpeg";
import { findFfmpeg } from "../../engine/media/ffmpeg.ts";
import type { ClipInfo } from "../../engine/media/media-info.ts";
import { probeMedia } from "../../engine/media/probe.ts";
import type { Job } from "../../engine/pipeline/job.ts";
import { makeClip } from "../system/media.ts";
import { temporaryFolder } from "../temporary-folder.ts";

type Changes = Partial<Pick<Job, "parameters" | "model" | "format" | "segmentFrames">>;

interface JobsWish {
  readonly parameters?: Job["parameters"];
  /** The packaged one by default: it starts in no time. */
  readonly program?: string;
  readonly source?: (folder: string) => Promise<string>;
  /** Where all of it goes; a folder of the test's own by default. */
  readonly folder?: string;
}

export interface ClipJobs {
  /** A job of its own folder, name by name; its result has the source's size. */
  readonly jobIn: (name: string, changes?: Changes) => Promise<Job>;
  readonly folder: string;
  readonly info: ClipInfo;
  readonly ffmpeg: Job["ffmpeg"];
}

/** Jobs on a clip of 64×48 with sound, or on `source`, done by the ffmpeg of `program`. */
export async function clipJobs(frames: number, wish: JobsWish = {}): Promise<ClipJobs> {
  const {
    parameters = {},
    program = installer.path,
    source = (to: string) => makeClip(to, "in.mp4", { frames }),
  } = wish;
  const folder = wish.folder ?? (await temporaryFolder());
  const inputPath = await source(folder);
  const ffmpeg = await findFfmpeg(program);
  const info = await probeMedia(ffmpeg, inputPath);
  if (info.kind !== "clip") throw new TypeError("the test's clip is no clip");
  const { width, height } = info;
  const jobIn = async (name: string, changes: Changes = {}): Promise<Job> => {
    const workDir = join(folder, name);
    await mkdir(workDir, { recursive: true });
    const model = { name: "identity", kind: "builtin" as const, path: "" };
    return {
      ...{ taskId: name, kind: "video", inputPath, target: { width, height }, parameters, model, ffmpeg },
      ...{ format: "mp4", workDir, partPath: join(folder, `${name}.part`), segmentFrames: 10, ...changes },
    };
  };
  return { jobIn, folder, info, ffmpeg };
}

/** A model whose batches are worth keeping. */
export const slowModel: Job["model"] = {
  ...{ name: "slow", kind: "seedvr2", path: "", autoencoder: "", prompt: null, cacheDir: "" },
};
