import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { en } from "./en";
import { fill } from "./fill";
import { translated } from "./said";
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
      // Some hold nothing but values, which are words themselves.
      const own = text.replace(/\{\w+\}/g, "").replace(/\p{P}/gu, "");
      expect(own === "" || /[\u4e00-\u9fff]/.test(own), `${key}: ${text}`).toBe(true);
    }
    for (const [key, text] of Object.entries(en)) expect(/[\u4e00-\u9fff]/.test(text), `${key}: ${text}`).toBe(false);
  });

  it("hold every key that the page names, and no other", () => {
    const text = sources.map((path) => readFileSync(path, "utf8")).join("\n");
    const groups = new Set([...text.matchAll(/\bword\("(\w+)"/g)].map((match) => match[1]));
    const made = new Set([...text.matchAll(/[`"'](\w+)\.\$\{/g)].map((match) => match[1]));
    for (const key of Object.keys(en)) {
      const group = key.split(".")[0];
      const used = text.includes(`"${key}"`) || groups.has(group) || made.has(group) || group === "said";
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

describe("what the server says", () => {
  const server = fileURLToPath(new URL("../../../src", import.meta.url));
  const rust = (path: string) => readFileSync(path, "utf8").replace(/\\\n\s*/g, "");
  const all = files(server).filter((path) => path.endsWith(".rs")).map(rust).join("\n").replace(/\{[^{}"]*\}/g, "{}");
  /** Made of several parts there. */
  const COMPOSED = ["said.of_phase", "said.of_verb", "said.order_failed", "said.order_failed_plain", "said.verb_alone", "said.resolved_by", "said.false_by", "said.length"];

  it("is what the page knows it by", () => {
    for (const [key, words] of Object.entries(en)) {
      if (key.startsWith("said.") && !COMPOSED.includes(key)) expect(all.includes(words.replace(/\{\w+\}/g, "{}")), `${key}: ${words}`).toBe(true);
    }
  });

  it("is known to the page where the server lists it", () => {
    for (const [file, kinds] of [["camera/failure.rs", ["Failure"]], ["device/protocol.rs", ["Undeliverable", "DownReason"]]] as const) {
      for (const kind of kinds) {
        const body = rust(join(server, file)).split(`pub enum ${kind} {`)[1]?.split("\n}")[0] ?? "";
        const texts = [...body.matchAll(/#\[error\("([^"]+)"/g)].map((match) => (match[1] ?? "").replace(/\{[^{}]*\}/g, "7"));
        expect(texts.length, kind).toBeGreaterThan(3);
        for (const text of texts) expect(translated(text), `${kind}: ${text}`).not.toBeNull();
      }
    }
    const orders = rust(join(server, "device/orders.rs"));
    for (const match of orders.matchAll(/Some\((?:format!\()?"([^"]+)"/g)) {
      const text = (match[1] ?? "").replace(/\{[^{}]*\}/g, "7");
      expect(translated(text), text).not.toBeNull();
    }
    const book = rust(join(server, "alarm/book.rs"));
    for (const match of book.matchAll(/(?:clear|release|give_up|note|note_always|well)\([^;]*?"([a-z][^"]{12,})"/g)) {
      const text = (match[1] ?? "").replace(/\{[^{}]*\}/g, "fire");
      expect(translated(text), text).not.toBeNull();
    }
  });

  const check = (text: string, expected: string | null) => expect(translated(text), text).toBe(expected);
  it("comes in Chinese, with its values", () => {
    check("silent: nothing came for 2.0 s", "无数据：已有 2.0 秒没有收到任何数据");
    check("back_off: ended: the camera closed the connection", "等待重连：已断开：摄像机关闭了连接");
    check("lift.stop: overridden: mode fire", "开门停靠：被更高优先级取代：电梯处于消防模式");
    check("voice.play timed out: no answer within 1500 ms", "语音提示无应答：1500 毫秒内没有应答");
    check("the lift's mode became emergency power (after 3.2 s, 2 renewals)", "电梯转为应急电源（历时 3.2 秒，续期 2 次）");
    check("resolved by 王伟 (after 3.2 s, 2 renewals)", "由 王伟 处理（历时 3.2 秒，续期 2 次）");
    check("failed: something new", "失败：something new");
    check("nobody: knows this", null);
    check("", null);
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
