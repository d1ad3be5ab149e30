import { describe, expect, test } from "vitest";
import { StandInEngine } from "../stand-in-engine.ts";
import { serve } from "./serving.ts";

/** Everything a page loads from the engine: what its src and href name, in the order of the page. */
async function pageWithParts(url: string, path: string) {
  const response = await fetch(url + path);
  const html = await response.text();
  const links = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  return { response, html, links, local: links.filter((link) => link.startsWith("/")) };
}

describe.each(["/", "/docs"])("the page %s", (path) => {
  test("names no other host and has everything it names", async () => {
    const served = await serve(new StandInEngine({}));
    const { response, html, links, local } = await pageWithParts(served.url, path);
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    expect(html).not.toMatch(/https?:|["'(]\/\//);
    expect(links.filter((link) => !link.startsWith("/") && link !== "data:,")).toEqual([]);
    for (const link of local.filter((one) => one !== "/openapi.json")) {
      const part = await fetch(served.url + link);
      const own = link.startsWith("/page/") || link.endsWith("reference.js");
      expect([link, part.status]).toEqual([link, 200]);
      if (own) expect(await part.text()).not.toMatch(/https?:|["'(]\/\//);
      else await part.arrayBuffer();
    }
  });

  test("is bound to its own host by its policy, without inline scripts", async () => {
    const served = await serve(new StandInEngine({}));
    const { response, html } = await pageWithParts(served.url, path);
    const policy = response.headers.get("content-security-policy");
    expect(policy).toContain("default-src 'self'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain("script-src");
    expect(html).not.toMatch(/<script(?![^>]* src=)|\son\w+=|\sstyle=/);
  });
});

test("the reference's parts have their types", async () => {
  const served = await serve(new StandInEngine({}));
  const types = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "reference.js": "text/javascript",
  };
  for (const [file, type] of Object.entries(types)) {
    const response = await fetch(`${served.url}/docs/${file}`);
    expect([file, response.status, response.headers.get("content-type")?.split(";")[0]]).toEqual([file, 200, type]);
    expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100);
  }
});

test("the reference sends the description to no validator", async () => {
  const served = await serve(new StandInEngine({}));
  expect(await (await fetch(`${served.url}/docs/reference.js`)).text()).toContain("validatorUrl: null");
});

test("every control of the page has a label, and what changes is announced", async () => {
  const served = await serve(new StandInEngine({}));
  const { html } = await pageWithParts(served.url, "/");
  const controls = [...html.matchAll(/<(?:input|select)\b[^>]*>/g)].map((match) => match[0]);
  const unlabelled = controls.filter((control) => {
    const id = /\bid="([^"]+)"/.exec(control)?.[1];
    return !/aria-label=/.test(control) && !html.includes(`for="${id}"`);
  });
  expect([controls.length > 4, unlabelled]).toEqual([true, []]);
  expect(html).toMatch(/id="state"[^>]*aria-live="polite"/);
  expect(html).toMatch(/name="viewport"/);
});

test("the page's script finds every element it asks for", async () => {
  const served = await serve(new StandInEngine({}));
  const { html } = await pageWithParts(served.url, "/");
  const script = await (await fetch(`${served.url}/page/page.js`)).text();
  const asked = [...script.matchAll(/\$\("([^"]+)"\)/g)].map((match) => match[1]!);
  expect(asked.length).toBeGreaterThan(10);
  expect(asked.filter((id) => !html.includes(`id="${id}"`))).toEqual([]);
});
