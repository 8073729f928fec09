// What the server says in English (reasons, causes, steps), in Chinese. The words under `said.` in en.ts are the server's
// own, with a name for each value in them; a test compares the two. Not here: which language the reader has chosen.

import { en } from "./en";
import { fill } from "./fill";
import { zh } from "./zh";

type Key = keyof typeof en;

/** Values that are words themselves: the group of names that they belong to. */
const GROUPS: Record<string, string> = { mode: "mode", label: "label", phase: "phase", verb: "verb", failed: "order" };

/** Those first that say the most themselves and leave the least to their values. */
const phrases = (Object.keys(en) as Key[])
  .filter((key) => key.startsWith("said."))
  .map((key) => ({ key, own: en[key].replace(/\{\w+\}/g, "").length, pattern: pattern(en[key]) }))
  .sort((a, b) => b.own - a.own);

function pattern(words: string): RegExp {
  const escaped = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const parts = words.split(/\{(\w+)\}/);
  return new RegExp(`^${parts.map((part, index) => (index % 2 === 0 ? escaped(part) : `(?<${part}>.+?)`)).join("")}$`, "s");
}

/** `null`: these are none of the words that the server is known to say. */
export function translated(text: string): string | null {
  for (const { key, pattern } of phrases) {
    const found = pattern.exec(text);
    const values = found && valuesOf(found.groups ?? {});
    if (values) return fill(zh[key], values);
  }
  return null;
}

/** The values in Chinese; `null` when one that must be a known name is not. */
function valuesOf(groups: Record<string, string>): Record<string, string> | null {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(groups)) {
    const group = GROUPS[name];
    if (group) {
      const key = `${group}.${value.replace(" (is it connected?)", "").replaceAll(" ", "_")}`;
      if (!(key in zh)) return null;
      values[name] = zh[key as Key];
    } else {
      values[name] = name === "more" ? (translated(value) ?? value) : value;
    }
  }
  return values;
}
