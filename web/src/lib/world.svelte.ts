// What the page knows, kept up with the server's events: alarms, cameras, devices, sites. One for the whole page.

import { get, items, Problem } from "./api";
import { Link } from "./link";
import * as news from "./news";
import type { Alarm, Camera, Device, Page, ServerEvent, Site, SoundName } from "./types";

/** More open alarms than this are not read at once; the history has all. */
const OPEN_MOST = 1000;
const TOGETHER_MS = 30;

type Hearing = (kind: "raised" | "escalated", alarm: Alarm, sound: SoundName | null, text: string) => void;

class World {
  /** `null` before the first attempt ended. */
  connected = $state<boolean | null>(null);
  /** Since when there is no connection, by this machine's clock. */
  lostAt = $state<number | null>(null);
  loaded = $state(false);
  alarms = $state.raw<Alarm[]>([]);
  cameras = $state.raw<Camera[]>([]);
  devices = $state.raw<Device[]>([]);
  sites = $state.raw<Site[]>([]);
  /** Grows when an alarm's picture or clip came. */
  pictures = $state.raw<Map<string, number>>(new Map());
  /** When a person closed it, by this machine's clock, for those that were closed while we looked. */
  closed = new Map<string, number>();
  camerasReadAt = $state(0);

  #news = news.fresh();
  #link: Link | null = null;
  #due = new Map<string, () => Promise<void>>();
  #timer = 0;
  #hearing = new Set<Hearing>();

  start(): void {
    this.#link ??= new Link({
      seq: () => this.#news.seq,
      readAll: (seq) => this.#readAll(seq),
      readStates: async () => {
        await Promise.all([this.readCameras(), this.readDevices()]);
      },
      hear: (event) => this.#hear(event),
      said: (on) => this.#said(on),
    });
  }

  /** Forgets everything: somebody else may log in next. */
  stop(): void {
    this.#link?.end();
    this.#link = null;
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#due.clear();
    this.#news = news.fresh();
    this.closed.clear();
    this.alarms = [];
    this.cameras = [];
    this.devices = [];
    this.sites = [];
    this.loaded = false;
    this.connected = null;
    this.lostAt = null;
  }

  onAlarm(hearing: Hearing): () => void {
    this.#hearing.add(hearing);
    return () => this.#hearing.delete(hearing);
  }

  camera(id: string | null | undefined): Camera | undefined {
    return this.cameras.find((camera) => camera.id === id);
  }

  device(id: string | null | undefined): Device | undefined {
    return this.devices.find((device) => device.id === id);
  }

  siteName(id: string | null | undefined): string {
    return this.sites.find((site) => site.id === id)?.name ?? id ?? "";
  }

  /** Site, building, camera or device of an alarm, as far as they are known. */
  whereOf(alarm: Alarm): { site: string; building: string; name: string } {
    const camera = this.camera(alarm.camera);
    const device = this.device(alarm.device);
    const thing = camera ?? device;
    return {
      site: this.siteName(alarm.site ?? thing?.site),
      building: alarm.building ?? thing?.building ?? "",
      name: thing?.name ?? "",
    };
  }

  /** Takes what an act or a look at one alarm answered. */
  learn(alarm: Alarm, asked = this.#news.seq): void {
    this.#note(alarm.id, () => news.learn(this.#news, alarm, asked));
    this.#show();
  }

  get seq(): number {
    return this.#news.seq;
  }

  async readAlarm(id: string): Promise<void> {
    const asked = this.#news.seq;
    try {
      this.learn(await get<Alarm>(`/alarms/${id}`), asked);
    } catch (error) {
      if (!(error instanceof Problem && error.status === 404)) throw error;
      this.#news.alarms.delete(id);
      this.#show();
    }
  }

  async readCameras(): Promise<void> {
    this.cameras = await items<Camera>("/cameras");
    this.camerasReadAt = Date.now();
  }

  async readDevices(): Promise<void> {
    this.devices = await items<Device>("/devices");
  }

  async readSites(): Promise<void> {
    this.sites = await items<Site>("/sites");
  }

  async #readAll(seq: number): Promise<void> {
    const open: Alarm[] = [];
    let cursor: string | null | undefined = "";
    while (cursor !== null && cursor !== undefined && open.length < OPEN_MOST) {
      const page: Page<Alarm> = await get<Page<Alarm>>(
        `/alarms?state=raised,acknowledged&limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
      );
      open.push(...page.items);
      cursor = page.next;
    }
    await Promise.all([this.readCameras(), this.readDevices(), this.readSites()]);
    if (seq < this.#news.seq) this.#news = news.fresh();
    news.learnAll(this.#news, open, seq);
    this.#news.seq = Math.max(this.#news.seq, seq);
    this.loaded = true;
    this.#show();
  }

  #said(on: boolean): void {
    this.connected = on;
    if (on) this.lostAt = null;
    else this.lostAt ??= Date.now();
  }

  #hear(event: ServerEvent): void {
    const id = event.alarm;
    const effects = id ? this.#note(id, () => news.hear(this.#news, event)) : news.hear(this.#news, event);
    this.#show();
    for (const raised of effects.raised) this.#tell("raised", raised, null, "");
    for (const step of effects.escalated) this.#tell("escalated", step.alarm, step.sound, step.text);
    if (effects.all) this.#soon("all", () => this.#readAll(this.#news.seq));
    for (const alarm of effects.alarms) this.#soon(alarm, () => this.readAlarm(alarm));
    if (effects.pictures.length > 0) {
      const next = new Map(this.pictures);
      for (const alarm of effects.pictures) next.set(alarm, (next.get(alarm) ?? 0) + 1);
      this.pictures = next;
    }
    if (effects.cameras) this.#soon("cameras", () => this.readCameras());
    if (effects.devices) this.#soon("devices", () => this.readDevices());
    if (effects.sites) this.#soon("sites", () => this.readSites());
  }

  #tell(kind: "raised" | "escalated", id: string, sound: SoundName | null, text: string): void {
    const alarm = this.#news.alarms.get(id);
    if (alarm) for (const hearing of this.#hearing) hearing(kind, alarm, sound, text);
  }

  /** Notes when an alarm that was open is closed by what `work` does. */
  #note<T>(id: string, work: () => T): T {
    const before = this.#news.alarms.get(id);
    const done = work();
    const after = this.#news.alarms.get(id);
    if (before && after && news.isOpen(before) && !news.isOpen(after)) this.closed.set(id, Date.now());
    return done;
  }

  #show(): void {
    this.alarms = news.openFirst(this.#news.alarms.values());
  }

  /** One reading of a thing per burst of events about it. A failed one is made good by the next connection. */
  #soon(key: string, work: () => Promise<void>): void {
    this.#due.set(key, work);
    if (this.#timer) return;
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      const due = [...this.#due.values()];
      this.#due.clear();
      for (const one of due) one().catch(() => undefined);
    }, TOGETHER_MS);
  }
}

export const world = new World();
