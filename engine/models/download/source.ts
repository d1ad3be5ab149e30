import { EnvHttpProxyAgent, fetch, type Dispatcher } from "undici";
import type { DownloadConfig } from "../../config.ts";
import type { PublishedFile } from "../published-files.ts";

/** Where files are fetched from, and how. */
export interface Source {
  urlOf(file: PublishedFile): string;
  /** One request for bytes from `from` on, links to other hosts followed. */
  request(url: string, wish: { from: number; validator: string | null; signal: AbortSignal }): Promise<Answer>;
}

export type Answer = Awaited<ReturnType<typeof fetch>>;

/**
 * Hugging Face, a mirror of it (`HF_ENDPOINT`), or a folder of files on a server (`SEEDVR2_MODEL_URL`), through the
 * proxies of the environment. The token goes to Hugging Face or its mirror only, never along to where it redirects.
 */
export function sourceOf(config: DownloadConfig): Source {
  const base = config.modelUrl?.replace(/\/+$/, "");
  const endpoint = config.endpoint.replace(/\/+$/, "");
  const authorization = !base && config.token ? { authorization: `Bearer ${config.token}` } : {};
  const { http, https, except } = config.proxies;
  const dispatcher: Dispatcher = new EnvHttpProxyAgent({
    // An empty text stands for "none": undici would look into the environment itself.
    ...{ httpProxy: http ?? "", httpsProxy: https ?? "", noProxy: except ?? "" },
    proxyTunnel: false, // plain http needs none; https gets one all the same
  });
  return {
    urlOf: ({ name, repository, path }) =>
      base ? `${base}/${encodeURIComponent(name)}` : `${endpoint}/${repository}/resolve/main/${path}`,
    request: (url, { from, validator, signal }) =>
      fetch(url, {
        ...{ signal, dispatcher, redirect: "follow" },
        headers: {
          ...authorization,
          "accept-encoding": "identity",
          ...(from > 0 && validator && { range: `bytes=${from}-`, "if-range": validator }),
        },
      }),
  };
}
