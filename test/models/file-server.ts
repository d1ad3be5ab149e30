import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** What a server did to one request. */
export type Behaviour = (request: IncomingMessage, response: ServerResponse) => void;

export interface FileServer {
  readonly url: string;
  /** Headers of each request, in order. */
  readonly requests: IncomingMessage["headers"][];
}

/** A server on loopback that treats its n-th request with the n-th behaviour, and all further ones with the last. */
export async function fileServer(...behaviours: readonly Behaviour[]): Promise<FileServer> {
  const requests: IncomingMessage["headers"][] = [];
  const server = createServer((request, response) => {
    const behaviour = behaviours[Math.min(requests.length, behaviours.length - 1)];
    requests.push(request.headers);
    behaviour?.(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, requests };
}

const ETAG = '"one"';

/** Serves the bytes, or the range asked for as long as the tag is the same. */
export function serves(bytes: Uint8Array, tag = ETAG): Behaviour {
  return (request, response) => {
    const from = rangeStart(request, tag);
    const rest = bytes.subarray(from);
    if (from > 0) {
      response.writeHead(206, { ...head(rest.length, tag), "content-range": range(from, bytes.length) });
    } else response.writeHead(200, head(bytes.length, tag));
    response.end(rest);
  };
}

/** Announces all that is left, sends `count` bytes of it and cuts the connection. */
export function dropsAfter(count: number, bytes: Uint8Array, tag = ETAG): Behaviour {
  return (request, response) => {
    const from = rangeStart(request, tag);
    const left = bytes.length - from;
    response.writeHead(from > 0 ? 206 : 200, {
      ...head(left, tag),
      ...(from > 0 && { "content-range": range(from, bytes.length) }),
    });
    response.write(bytes.subarray(from, from + count), () => response.socket?.end());
  };
}

/** Answers with a status, a header or two and no file. */
export function answers(status: number, headers: Record<string, string> = {}): Behaviour {
  return (_request, response) => {
    response.writeHead(status, headers);
    response.end("no file");
  };
}

/** Takes the request and never says a word, or falls silent after some bytes. */
export function hangs(bytes?: Uint8Array, after = 0): Behaviour {
  return (_request, response) => {
    if (!bytes) return;
    response.writeHead(200, head(bytes.length, ETAG));
    response.write(bytes.subarray(0, after));
  };
}

function rangeStart({ headers }: IncomingMessage, tag: string): number {
  const match = /^bytes=(\d+)-$/.exec(headers.range ?? "");
  return match && headers["if-range"] === tag ? Number(match[1]) : 0;
}

const head = (length: number, etag: string) => ({ "content-length": String(length), etag });
const range = (from: number, total: number) => `bytes ${from}-${total - 1}/${total}`;
