// When the room is called: which sound, how often, and whether the browser lets it be heard.

import { isReady, play, wake } from "./sound";
import { prefs } from "./prefs.svelte";
import type { SoundName } from "./types";
import { world } from "./world.svelte";

const AGAIN_MS = 5000;

class Alerting {
  /** Whether the browser lets us sound. */
  ready = $state(false);
  #timer = 0;
  #sound: SoundName | null = null;

  start(): () => void {
    const first = () => void wake().then((ready) => (this.ready = ready));
    // Not "pointerdown": the notice would go, and what was pressed would move away from under the finger.
    addEventListener("click", first);
    addEventListener("keydown", first);
    first();
    const stop = world.onAlarm((_kind, _alarm, sound) => {
      // Also of one that somebody has acknowledged: that the e-bike is still there is news.
      if (sound) this.#sound = sound;
      this.#call(sound ?? prefs.sound);
    });
    this.#timer = setInterval(() => this.#again(), AGAIN_MS);
    return () => {
      removeEventListener("click", first);
      removeEventListener("keydown", first);
      clearInterval(this.#timer);
      stop();
    };
  }

  async enable(): Promise<void> {
    this.ready = await wake();
    if (this.ready) play(prefs.sound, prefs.volume);
  }

  /** Lets the chosen sound be heard, also when muted: it was asked for. */
  async sample(): Promise<void> {
    this.ready = await wake();
    play(prefs.sound, prefs.volume);
  }

  #call(sound: SoundName): void {
    this.ready = isReady();
    if (!prefs.muted) play(sound, prefs.volume);
  }

  #again(): void {
    this.ready = isReady();
    const waiting = world.alarms.some((alarm) => alarm.state === "raised");
    if (!waiting) this.#sound = null;
    else if (prefs.repeat) this.#call(this.#sound ?? prefs.sound);
  }
}

export const alerting = new Alerting();
