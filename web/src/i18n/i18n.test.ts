import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { en } from "./en";
import { fill } from "./fill";
import { zh } from "./zh";

const folder = fileURLToPath(new URL("..", import.meta.url));
const files = (at: string): string[] =>
  readdirSync(at).flatMap((name) => {
    const path = join(at, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
const sources = files(folder).filter((path) => /\.(svelte|ts)$/.test(path) && !/\.test\.ts$|i18n\/(en|zh)\.ts$/.test(path));
const names = (text: string) => [...new Set([...text.matchAll(/\{(\w+)/g)].map((match) => match[1]))].sort();

describe("Chinese and English", () => {
  it("have the same keys", () => expect(Object.keys(zh).sort()).toEqual(Object.keys(en).sort()));

  it("fill in the same values", () => {
    for (const key of Object.keys(en) as (keyof typeof en)[]) {
      // Chinese needs no plural, so a value that is only counted may be left out of the words, never added.
      expect(names(en[key]), key).toEqual(names(zh[key]));
    }
  });

  it("are both written, and Chinese in Chinese", () => {
    for (const [key, text] of Object.entries(zh)) {
      expect(text.trim(), key).not.toBe("");
      expect(/[\u4e00-\u9fff]/.test(text), `${key}: ${text}`).toBe(true);
    }
    for (const [key, text] of Object.entries(en)) expect(/[\u4e00-\u9fff]/.test(text), `${key}: ${text}`).toBe(false);
  });

  it("hold every key that the page names, and no other", () => {
    const text = sources.map((path) => readFileSync(path, "utf8")).join("\n");
    const groups = new Set([...text.matchAll(/\bword\("(\w+)"/g)].map((match) => match[1]));
    const made = new Set([...text.matchAll(/[`"'](\w+)\.\$\{/g)].map((match) => match[1]));
    for (const key of Object.keys(en)) {
      const group = key.split(".")[0];
      const used = text.includes(`"${key}"`) || groups.has(group) || made.has(group);
      expect(used, `nothing says ${key}`).toBe(true);
    }
  });

  it("leave no words in the markup itself", () => {
    for (const path of sources.filter((name) => name.endsWith(".svelte"))) {
      const markup = readFileSync(path, "utf8").replace(/<script[\s\S]*?<\/script>/g, "").replace(/<!--[\s\S]*?-->/g, "");
      const bare = markup.replace(/=\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, "=x").replace(/\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}/g, "");
      for (const match of bare.matchAll(/>([^<>]*[A-Za-z\u4e00-\u9fff]{3,}[^<>]*)</g)) {
        const said = match[1]?.trim() ?? "";
        expect(["English", "中文", "Yunti", "云梯", "TCP", "UDP", "Esc"].includes(said), `${path}: ${said}`).toBe(true);
      }
    }
  });
});

describe("fill", () => {
  const check = (text: string, params: Record<string, string | number>, expected: string) => expect(fill(text, params)).toBe(expected);
  it("puts values in", () => check("{n} of {of}", { n: 1, of: 3 }, "1 of 3"));
  it("chooses by number", () => {
    check("{n} {n|lift|lifts}", { n: 1 }, "1 lift");
    check("{n} {n|lift|lifts}", { n: 0 }, "0 lifts");
  });
  it("keeps what it is not told", () => check("{n}", {}, "{n}"));
});
