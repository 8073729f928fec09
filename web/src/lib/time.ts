// Times for people. `lang` is an argument, as is the time zone where it matters. Not here: the clock.

const cache = new Map<string, Intl.DateTimeFormat>();

function format(lang: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${lang} ${JSON.stringify(options)}`;
  let made = cache.get(key);
  if (!made) cache.set(key, (made = new Intl.DateTimeFormat(lang, { hourCycle: "h23", ...options })));
  return made;
}

/** `03:07:42` */
export function clock(at: string | number | Date, lang: string, timeZone?: string): string {
  return format(lang, { hour: "2-digit", minute: "2-digit", second: "2-digit", ...(timeZone ? { timeZone } : {}) }).format(
    new Date(at),
  );
}

/** `24 Nov 2026, 03:07:42`; `2026年11月24日 03:07:42` */
export function moment(at: string | number | Date, lang: string, timeZone?: string): string {
  return format(lang, {
    year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit",
    ...(timeZone ? { timeZone } : {}),
  }).format(new Date(at));
}

/** `24 November 2026`; `2026年11月24日` */
export function day(at: string | number | Date, lang: string, timeZone?: string): string {
  return format(lang, { year: "numeric", month: "long", day: "numeric", ...(timeZone ? { timeZone } : {}) }).format(new Date(at));
}

/** `0:07`, `12:05`, `1:02:33`: how long, in whole seconds, never negative. */
export function stopwatch(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (n: number) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest.replace(/^0/, "");
}

/** A short span with its unit: `870 ms`, `2.4 s`, `3 min 20 s`. */
export function span(ms: number, units: { ms: string; s: string; min: string; h: string }): string {
  if (ms < 1000) return `${Math.round(ms)} ${units.ms}`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} ${units.s}`;
  if (ms < 3_600_000) {
    const seconds = Math.round(ms / 1000);
    return `${Math.floor(seconds / 60)} ${units.min} ${seconds % 60} ${units.s}`;
  }
  const minutes = Math.round(ms / 60_000);
  return `${Math.floor(minutes / 60)} ${units.h} ${minutes % 60} ${units.min}`;
}

/** Counts by day with the days that have none put in, by the calendar of `timeZone`, both ends included. */
export function everyDay(counts: { date: string; count: number }[], since: string, until: string, timeZone: string): { date: string; count: number }[] {
  const known = new Map(counts.map((one) => [one.date, one.count]));
  const name = (at: number) => format("sv-SE", { year: "numeric", month: "2-digit", day: "2-digit", timeZone }).format(at);
  const last = name(Date.parse(until));
  const days: { date: string; count: number }[] = [];
  // Half a day's steps: no day is left out where clocks change, and none comes twice.
  for (let at = Date.parse(since); days.length < 400; at += 43_200_000) {
    const date = name(at);
    if (date > last) break;
    if (days.at(-1)?.date !== date) days.push({ date, count: known.get(date) ?? 0 });
  }
  return days;
}

/** The value of a `datetime-local` field, in the browser's zone, to the minute; empty for nothing. */
export function toField(at: string | null): string {
  if (!at) return "";
  const date = new Date(at);
  const two = (n: number) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The other way: an RFC 3339 time, or null. */
export function fromField(value: string): string | null {
  if (!value) return null;
  const date = new Date(value);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}
