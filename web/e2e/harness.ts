// The real binary's demo and a real browser, for the stories. Waits on conditions with deadlines, never for a time.

import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions, type Page } from "playwright-core";

const root = fileURLToPath(new URL("../..", import.meta.url));

export interface Demo {
  url: string;
  token: string;
  /** Of the person `demo`, who may do all. */
  password: string;
  api: <T>(method: string, path: string, body?: unknown) => Promise<T>;
  stop: () => Promise<void>;
}

function binary(): string {
  const folder = process.env["CARGO_TARGET_DIR"] ?? resolve(root, "target");
  const named = process.env["YUNTI_BIN"];
  const found = [named, resolve(folder, "debug/yunti"), resolve(folder, "release/yunti")].find((path) => path && existsSync(path));
  if (!found) throw new Error("no yunti binary: cargo build first, or name it in YUNTI_BIN");
  return found;
}

/** Starts `yunti demo` on a free port and waits until it says where. */
export async function startDemo(): Promise<Demo> {
  const library = process.env["ORT_DYLIB_PATH"] ?? resolve(root, ".deps/onnxruntime-current/libonnxruntime.so");
  const child = spawn(binary(), ["demo", "--listen", "127.0.0.1:0"], {
    cwd: root,
    env: { ...process.env, ORT_DYLIB_PATH: library },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said: string[] = [];
  const first = new Promise<{ url: string; token: string; password: string }>((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`the demo did not say where it is:\n${said.join("").slice(-4000)}`)), 60_000);
    let text = "";
    child.stdout.on("data", (part: Buffer) => {
      text += part.toString();
      const found = /(http:\/\/127\.0\.0\.1:\d+)\/#token=(yt_[\w-]+)/.exec(text);
      const password = /name demo\s+password (\S+)/.exec(text)?.[1];
      if (found?.[1] && found[2] && password) {
        clearTimeout(timer);
        done({ url: found[1], token: found[2], password });
      }
    });
    child.stderr.on("data", (part: Buffer) => said.push(part.toString()));
    child.on("exit", (code) => fail(new Error(`the demo ended with ${code}:\n${said.join("").slice(-4000)}`)));
  });
  const { url, token, password } = await first.catch(async (error: unknown) => {
    await end(child);
    throw error;
  });
  const api = async <T>(method: string, path: string, body?: unknown): Promise<T> => {
    const response = await fetch(`${url}/api/v1${path}`, {
      method,
      headers: { Authorization: `Bearer ${token}`, ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return (text ? JSON.parse(text) : undefined) as T;
  };
  return { url, token, password, api, stop: () => end(child) };
}

/** Starts `yunti serve` on an empty data folder and waits for the set-up link that it prints. */
export async function startEmpty(data: string): Promise<{ link: string; stop: () => Promise<void> }> {
  const library = process.env["ORT_DYLIB_PATH"] ?? resolve(root, ".deps/onnxruntime-current/libonnxruntime.so");
  const child = spawn(binary(), ["serve", "--data", data, "--listen", "127.0.0.1:0"], { cwd: root, env: { ...process.env, ORT_DYLIB_PATH: library }, stdio: ["ignore", "pipe", "pipe"] });
  let text = "";
  const link = await new Promise<string>((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`no set-up link:\n${text.slice(-4000)}`)), 60_000);
    const hear = (part: Buffer) => {
      text += part.toString();
      const found = /http:\/\/127\.0\.0\.1:\d+\/#setup=[\w-]+/.exec(text);
      if (found) {
        clearTimeout(timer);
        done(found[0]);
      }
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    child.on("exit", (code) => fail(new Error(`the server ended with ${code}:\n${text.slice(-4000)}`)));
  }).catch(async (error: unknown) => {
    await end(child);
    throw error;
  });
  return { link, stop: () => end(child) };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((done) => child.once("exit", () => done()));
  child.kill("SIGTERM");
  const hard = setTimeout(() => child.kill("SIGKILL"), 15_000);
  await gone;
  clearTimeout(hard);
}

export async function startBrowser(): Promise<Browser> {
  const named = process.env["CHROMIUM"] ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));
  if (!named) throw new Error("no Chromium: apt-get install chromium, or name it in CHROMIUM");
  return chromium.launch({
    executablePath: named,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--autoplay-policy=document-user-activation-required",
      // A page that the test itself hands out is of no network, and would not be let into this one.
      ...(process.env["YUNTI_BUNDLE"] ? ["--disable-features=LocalNetworkAccessChecks"] : [])],
  });
}

export interface Opened {
  context: BrowserContext;
  page: Page;
  /** Requests that left for anywhere but the demo. */
  strangers: string[];
  /** What the browser complained of: errors, and anything the content policy stopped. */
  complaints: string[];
}

/** A browser of its own, and the page in it, not logged in. */
export async function open(browser: Browser, demo: Demo, options: BrowserContextOptions = {}, path = "/", prepare?: (page: Page) => Promise<void>): Promise<Opened> {
  const context = await browser.newContext({ locale: "en-GB", timezoneId: "Asia/Shanghai", viewport: { width: 1440, height: 900 }, ...options });
  if (process.env["YUNTI_BUNDLE"]) await serveBundle(context, demo.url);
  const page = await context.newPage();
  const strangers: string[] = [];
  const complaints: string[] = [];
  context.on("request", (request) => {
    if (!request.url().startsWith(demo.url) && !/^(blob|data|about):/.test(request.url())) strangers.push(request.url());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/the server responded with a status of (401|403|404|409|412|422|424)/.test(message.text())) complaints.push(message.text());
  });
  await prepare?.(page);
  await page.goto(`${demo.url}${path}`);
  return { context, page, strangers, complaints };
}

/** While one works on the page: the bundle as it lies in dist/, without building the binary again (YUNTI_BUNDLE=1). */
async function serveBundle(context: BrowserContext, url: string): Promise<void> {
  for (const [path, name] of [["/", "index.html"], ["/app.js", "app.js"], ["/app.css", "app.css"]] as const) {
    await context.route(`${url}${path}`, async (route) => {
      const answer = await route.fetch();
      await route.fulfill({ response: answer, body: readFileSync(resolve(root, "web/dist", name)) });
    });
  }
}

/** Waits until `ask` gives something. */
export async function until<T>(what: string, ask: () => Promise<T | null | undefined | false>, ms = 60_000): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const got = await ask();
    if (got) return got;
    if (Date.now() > deadline) throw new Error(`not within ${ms} ms: ${what}`);
    await new Promise((next) => setTimeout(next, 100));
  }
}
