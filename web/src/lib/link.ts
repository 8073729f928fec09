// The connection to the server's events: made again by itself, from the place where it broke, and never thought alive
// when it is not. Not here: what an event means.

import { get, Problem, socket } from "./api";
import type { ServerEvent, Stats } from "./types";

export interface LinkHost {
  /** The newest event that was taken; 0 before the lists were read. */
  seq(): number;
  /** Reads every list; `seq` is the newest event from before. */
  readAll(seq: number): Promise<void>;
  /** What has no events of its own is read again after a break. */
  readStates(): Promise<void>;
  hear(event: ServerEvent): void;
  said(on: boolean): void;
}

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 5000;
const HEARTBEAT = 5000;
const PATIENCE = 4000;

export class Link {
  #host: LinkHost;
  #socket: WebSocket | null = null;
  #pause = FIRST_PAUSE;
  #timer = 0;
  #beat = 0;
  #ended = false;
  #round = 0;

  constructor(host: LinkHost) {
    this.#host = host;
    addEventListener("offline", this.#broken);
    addEventListener("online", this.#now);
    void this.#connect();
  }

  end(): void {
    this.#ended = true;
    removeEventListener("offline", this.#broken);
    removeEventListener("online", this.#now);
    this.#drop();
    clearTimeout(this.#timer);
  }

  #drop(): void {
    this.#round += 1;
    clearInterval(this.#beat);
    const old = this.#socket;
    this.#socket = null;
    old?.close();
  }

  #broken = (): void => {
    if (this.#ended) return;
    this.#drop();
    this.#host.said(false);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#connect(), this.#pause * (0.75 + Math.random() / 2));
    this.#pause = Math.min(this.#pause * 2, LONGEST_PAUSE);
  };

  #now = (): void => {
    if (this.#ended || this.#socket) return;
    this.#pause = FIRST_PAUSE;
    clearTimeout(this.#timer);
    void this.#connect();
  };

  async #connect(): Promise<void> {
    this.#drop();
    const round = this.#round;
    try {
      const stats = await within(PATIENCE, get<Stats>("/stats"));
      if (round !== this.#round || this.#ended) return;
      const seq = this.#host.seq();
      // A place behind ours: the server's records were put back to an earlier day, or are new.
      if (seq === 0 || stats.last_seq < seq) await this.#host.readAll(stats.last_seq);
      else await this.#host.readStates();
    } catch (error) {
      if (round === this.#round && !(error instanceof Problem && error.status === 401)) this.#broken();
      return;
    }
    if (round !== this.#round || this.#ended) return;
    const made = socket(`/events?since=${this.#host.seq()}`, "yunti.events.v1");
    this.#socket = made;
    const slow = setTimeout(this.#broken, PATIENCE * 2);
    made.addEventListener("open", () => {
      clearTimeout(slow);
      if (this.#socket !== made) return;
      this.#pause = FIRST_PAUSE;
      this.#host.said(true);
      this.#beat = setInterval(() => void this.#listen(made), HEARTBEAT);
    });
    made.addEventListener("message", (message) => {
      if (this.#socket === made) this.#host.hear(JSON.parse(message.data as string) as ServerEvent);
    });
    made.addEventListener("close", () => {
      clearTimeout(slow);
      if (this.#socket === made) this.#broken();
    });
  }

  /** A browser tells nobody of pings, and a cut cable closes no socket: ask, and wait only so long. */
  async #listen(made: WebSocket): Promise<void> {
    try {
      await within(PATIENCE, get<Stats>("/stats"));
    } catch (error) {
      if (this.#socket === made && !(error instanceof Problem && error.status === 401)) this.#broken();
    }
  }
}

function within<T>(ms: number, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Problem(0, {})), ms);
    work.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
