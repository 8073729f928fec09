// Sounds for alarms, made on the spot: no file, no request. A browser makes none before the first click or key.

import type { SoundName } from "./types";

let context: AudioContext | null = null;

interface Tone {
  at: number;
  for: number;
  from: number;
  to?: number;
  shape?: OscillatorType;
}

const SOUNDS: Record<SoundName, Tone[]> = {
  siren: [
    { at: 0, for: 0.55, from: 520, to: 980, shape: "triangle" },
    { at: 0.55, for: 0.55, from: 980, to: 520, shape: "triangle" },
    { at: 1.1, for: 0.55, from: 520, to: 980, shape: "triangle" },
    { at: 1.65, for: 0.55, from: 980, to: 520, shape: "triangle" },
  ],
  chime: [
    { at: 0, for: 0.7, from: 880 },
    { at: 0.35, for: 0.9, from: 660 },
  ],
  urgent: [0, 0.2, 0.4, 0.8, 1.0, 1.2].map((at) => ({ at, for: 0.13, from: 1050, shape: "square" as OscillatorType })),
};

/** Whether the browser lets us be heard. */
export function isReady(): boolean {
  return context?.state === "running";
}

/** Asks the browser for sound; works only within a click or a key press. */
export async function wake(): Promise<boolean> {
  context ??= new AudioContext();
  if (context.state !== "running") {
    // A browser that refuses leaves this promise open until the first click: do not wait for it.
    await Promise.race([context.resume(), new Promise((done) => setTimeout(done, 200))]).catch(() => undefined);
  }
  return isReady();
}

/** Plays a sound once, at a volume from 0 to 1. */
export function play(name: SoundName, volume: number): void {
  if (!context || context.state !== "running") return;
  const start = context.currentTime + 0.02;
  for (const tone of SOUNDS[name]) {
    const source = context.createOscillator();
    const gain = context.createGain();
    const at = start + tone.at;
    const end = at + tone.for;
    source.type = tone.shape ?? "sine";
    source.frequency.setValueAtTime(tone.from, at);
    if (tone.to) source.frequency.linearRampToValueAtTime(tone.to, end);
    const level = Math.max(0.0001, volume * (source.type === "square" ? 0.35 : 0.7));
    gain.gain.setValueAtTime(0.0001, at);
    gain.gain.exponentialRampToValueAtTime(level, at + 0.02);
    gain.gain.setValueAtTime(level, Math.max(at + 0.02, end - (name === "chime" ? tone.for - 0.05 : 0.04)));
    gain.gain.exponentialRampToValueAtTime(0.0001, end);
    source.connect(gain).connect(context.destination);
    source.start(at);
    source.stop(end);
  }
}
