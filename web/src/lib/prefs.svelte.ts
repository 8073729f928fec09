// What the user chose for this browser: language, colours, sound. Kept in local storage.

import type { SoundName } from "./types";

export type Lang = "en" | "zh-CN";
export type Theme = "auto" | "light" | "dark";

interface Kept {
  lang: Lang | null;
  theme: Theme;
  sound: SoundName;
  volume: number;
  muted: boolean;
  repeat: boolean;
}

const KEY = "yunti.prefs";
const DEFAULT: Kept = { lang: null, theme: "auto", sound: "siren", volume: 0.6, muted: false, repeat: true };

function read(): Kept {
  try {
    return { ...DEFAULT, ...(JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Kept>) };
  } catch {
    return { ...DEFAULT };
  }
}

const dark = matchMedia("(prefers-color-scheme: dark)");

class Prefs {
  #kept = $state(read());
  #dark = $state(dark.matches);

  constructor() {
    dark.addEventListener("change", () => (this.#dark = dark.matches));
    // Another tab's choice holds here too.
    addEventListener("storage", (event) => {
      if (event.key === KEY) this.#kept = read();
    });
  }

  get lang(): Lang {
    if (this.#kept.lang) return this.#kept.lang;
    return navigator.languages.some((name) => /^(zh|en)/i.test(name))
      ? /^zh/i.test(navigator.languages.find((name) => /^(zh|en)/i.test(name)) ?? "") ? "zh-CN" : "en"
      : "en";
  }
  get theme(): Theme {
    return this.#kept.theme;
  }
  get isDark(): boolean {
    return this.#kept.theme === "dark" || (this.#kept.theme === "auto" && this.#dark);
  }
  get sound(): SoundName {
    return this.#kept.sound;
  }
  get volume(): number {
    return this.#kept.volume;
  }
  get muted(): boolean {
    return this.#kept.muted;
  }
  get repeat(): boolean {
    return this.#kept.repeat;
  }

  set(change: Partial<Kept>): void {
    this.#kept = { ...this.#kept, ...change };
    localStorage.setItem(KEY, JSON.stringify(this.#kept));
  }
}

export const prefs = new Prefs();
