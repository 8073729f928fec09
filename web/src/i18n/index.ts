// Words in the chosen language. `t` is read again by itself when the language changes.

import { prefs } from "../lib/prefs.svelte";
import { en } from "./en";
import { zh } from "./zh";
import { fill, type Params } from "./fill";
import { translated } from "./said";

export type Key = keyof typeof en;

/** The words for `key`, with `{name}` filled in from `params`. */
export function t(key: Key, params?: Params): string {
  return fill((prefs.lang === "zh-CN" ? zh : en)[key], params);
}

/** The words for a name that the server gave, such as a state; itself, when it is newer than this page. */
export function word(group: string, name: string): string {
  const key = `${group}.${name}`;
  return key in en ? t(key as Key) : name;
}

/** What the server says, which is English, in the chosen language; as it is, when the page does not know it. */
export function said(text: string): string {
  return (prefs.lang === "zh-CN" && translated(text)) || text;
}
