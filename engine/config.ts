/**
 * The engine's settings, resolved and frozen by whoever starts it; the engine itself never reads the environment.
 * All paths are absolute.
 */
export interface EngineConfig {
  /** tasks.db, owner.lock, engine.json, log/, work/. */
  readonly stateDir: string;
  /** Folders searched for checkpoints. */
  readonly modelDirs: readonly string[];
  /** Where ComfyUI may be, whose model folders are searched too: named, then usual places. */
  readonly comfyFolders: readonly string[];
  readonly download: DownloadConfig;
  /** What can be made again at any time: repacked checkpoints. */
  readonly cacheDir: string;
  /** Where REST uploads are kept until their task has ended. */
  readonly uploadDir: string;
  /** Largest upload in bytes. */
  readonly maxUploadBytes: number;
  /** How many tasks a history answer lists at most. */
  readonly maxHistory: number;
  /** Seconds without a task after which the worker is ended; 0 never. */
  readonly workerIdleSeconds: number;
  /** ffmpeg to use, or null to look for one. */
  readonly ffmpegPath: string | null;
  /** Execution provider wish: auto, cpu, webgpu, cuda, … */
  readonly device: string;
  /** Threads a network runs with; 0 is one per processor. */
  readonly threads: number;
  /** Output frames in a segment: what a killed task may have to do again. */
  readonly segmentFrames: number;
  /** The built-in model's ONNX file. */
  readonly builtinModel: string;
  /** JavaScript file of the worker process. */
  readonly workerEntry: string;
  /** The worker's whole environment: what native libraries read cannot be set later. */
  readonly workerEnvironment: Readonly<Record<string, string | undefined>>;
  /** This program's version. */
  readonly version: string;
  /** The engine's own settings by environment name, as shown by describe_engine. */
  readonly settings: Readonly<Record<string, string>>;
}

/** Where models are fetched from. */
export interface DownloadConfig {
  /** Address of a folder with the files, instead of Hugging Face. */
  readonly modelUrl: string | null;
  /** Hugging Face or a mirror of it. */
  readonly endpoint: string;
  readonly token: string | null;
  /** Addresses of proxies, and hosts that are reached without one. */
  readonly proxies: { readonly http: string | null; readonly https: string | null; readonly except: string | null };
  /** Seconds without a byte after which a connection counts as dead. */
  readonly idleSeconds: number;
  /** Seconds before a failed attempt is repeated, the first time. */
  readonly pauseSeconds: number;
}
