// What an event does to what the page knows: a step function (state, event) -> what must be read again.
// Every event is taken once, in order; a hole that the server names makes everything be read again. Not here: sockets, requests.

import type { Alarm, AlarmState, LiftState, Rect, ServerEvent, SoundName } from "./types";

/** What the page knows of alarms, and up to which event. */
export interface News {
  seq: number;
  alarms: Map<string, Alarm>;
  /** The newest event that touched an alarm: an answer that was asked for before it is older than what we know. */
  touched: Map<string, number>;
}

/** What must be read from the server, and what the guard must hear. */
export interface Effects {
  all: boolean;
  alarms: string[];
  pictures: string[];
  cameras: boolean;
  devices: boolean;
  sites: boolean;
  raised: string[];
  escalated: { alarm: string; sound: SoundName; text: string }[];
}

export function nothing(): Effects {
  return { all: false, alarms: [], pictures: [], cameras: false, devices: false, sites: false, raised: [], escalated: [] };
}

export function fresh(seq = 0): News {
  return { seq, alarms: new Map(), touched: new Map() };
}

const STATES: readonly string[] = ["raised", "acknowledged", "resolved", "false_alarm"];
const LIFTS: readonly string[] = [
  "none", "ordered", "accepted", "holding", "released", "expired", "refused", "timed_out", "offline",
];
const SOUNDS: readonly string[] = ["siren", "chime", "urgent"];

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
const time = (value: unknown): string | null => (typeof value === "number" ? new Date(value).toISOString() : null);

/** Takes one event. A second coming of an event changes nothing. */
export function hear(news: News, event: ServerEvent): Effects {
  const effects = nothing();
  if (event.kind === "gap") {
    const to = event["to"];
    if (typeof to === "number" && to > news.seq) news.seq = to;
    effects.all = true;
    return effects;
  }
  if (typeof event.seq === "number") {
    if (event.seq <= news.seq) return effects;
    news.seq = event.seq;
  }
  const alarm = event.alarm;
  if (event.kind === "alarm.snapshot" || event.kind === "alarm.clip") {
    if (alarm) effects.pictures.push(alarm), effects.alarms.push(alarm);
  } else if (event.kind === "alarm.escalated") {
    if (alarm) {
      news.touched.set(alarm, news.seq);
      effects.alarms.push(alarm);
      const sound = text(event["sound"]) ?? "siren";
      effects.escalated.push({
        alarm,
        sound: (SOUNDS.includes(sound) ? sound : "siren") as SoundName,
        text: text(event["text"]) ?? "",
      });
    }
  } else if (event.kind.startsWith("alarm.")) {
    if (alarm) hearAlarm(news, alarm, event, effects);
  } else if (event.kind === "order.state") {
    if (alarm) effects.alarms.push(alarm);
  } else if (event.kind.startsWith("camera.")) {
    effects.cameras = true;
  } else if (event.kind.startsWith("device.") && event.kind !== "device.reading") {
    effects.devices = true;
  } else if (event.kind.startsWith("site.")) {
    effects.sites = true;
  }
  return effects;
}

function hearAlarm(news: News, id: string, event: ServerEvent, effects: Effects): void {
  const known = news.alarms.get(id);
  const state = text(event["state"]);
  const lift = text(event["lift"]);
  const sighting = event["sighting"] as { label?: string; score?: number; box?: Rect } | undefined;
  const next: Alarm = {
    ...(known ?? { id, kind: "", state: "raised", raised_at: event.at ?? new Date(0).toISOString(), lift: "none", escalated: false }),
    camera: event.camera ?? known?.camera ?? null,
    device: event.device ?? known?.device ?? null,
  };
  const kind = text(event["alarm_kind"]);
  if (kind) next.kind = kind;
  if (state && STATES.includes(state)) next.state = state as AlarmState;
  if (lift && LIFTS.includes(lift)) next.lift = lift as LiftState;
  next.raised_at = time(event["raised_at_ms"]) ?? next.raised_at;
  if ("cleared_at_ms" in event) next.cleared_at = time(event["cleared_at_ms"]);
  if (typeof event["escalated"] === "boolean") next.escalated = event["escalated"];
  if ("actor" in event) next.actor = text(event["actor"]);
  if ("note" in event) next.note = text(event["note"]);
  if ("site" in event) next.site = text(event["site"]);
  if ("building" in event) next.building = text(event["building"]);
  if (sighting) {
    next.label = sighting.label ?? next.label ?? null;
    next.score = sighting.score ?? next.score ?? null;
    next.box = sighting.box ?? next.box ?? null;
  }
  news.alarms.set(id, next);
  news.touched.set(id, news.seq);
  effects.alarms.push(id);
  if (!known && next.state === "raised" && event.kind === "alarm.raised") effects.raised.push(id);
}

/** Takes the server's answer about one alarm, asked for when `asked` was the newest event: what came since stays. */
export function learn(news: News, alarm: Alarm, asked: number): void {
  const known = news.alarms.get(alarm.id);
  const newer = (news.touched.get(alarm.id) ?? -1) > asked;
  if (!known || !newer) {
    news.alarms.set(alarm.id, { ...known, ...alarm });
    return;
  }
  const { state, lift, cleared_at, actor, note, escalated } = known;
  news.alarms.set(alarm.id, { ...known, ...alarm, state, lift, cleared_at: cleared_at ?? null, actor: actor ?? null, note: note ?? null, escalated });
}

/** Takes whole lists in place of what was known; details already read are kept beside. */
export function learnAll(news: News, alarms: Alarm[], asked: number): void {
  const before = news.alarms;
  news.alarms = new Map();
  for (const [id, alarm] of before) {
    if ((news.touched.get(id) ?? -1) > asked) news.alarms.set(id, alarm);
  }
  for (const alarm of alarms) {
    const old = before.get(alarm.id);
    if (old && !news.alarms.has(alarm.id)) news.alarms.set(alarm.id, old);
    learn(news, alarm, asked);
  }
  for (const id of news.touched.keys()) if (!news.alarms.has(id)) news.touched.delete(id);
}

/** Whether a person still has to do something about it. */
export function isOpen(alarm: Alarm): boolean {
  return alarm.state === "raised" || alarm.state === "acknowledged";
}

const MOVING: readonly LiftState[] = ["ordered", "accepted", "holding"];

/** Closed by a person, but worth a look still: the e-bike is in, or the lift is not known to be free. */
export function isSettling(alarm: Alarm): boolean {
  return !isOpen(alarm) && (!alarm.cleared_at || MOVING.includes(alarm.lift));
}

/** Alarms for the live page: new ones first, then those taken up; what still lasts before what is over; newest first. */
export function openFirst(alarms: Iterable<Alarm>): Alarm[] {
  const rank = (alarm: Alarm) =>
    (alarm.state === "raised" ? 0 : alarm.state === "acknowledged" ? 2 : 4) + (alarm.cleared_at ? 1 : 0);
  return [...alarms].sort((a, b) => rank(a) - rank(b) || Date.parse(b.raised_at) - Date.parse(a.raised_at) || (a.id < b.id ? 1 : -1));
}
