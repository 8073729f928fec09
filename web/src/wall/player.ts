// Plays one camera's live stream: fragmented MP4 through Media Source Extensions, or JPEG frames when the browser cannot
// play it or the camera sends no H.264.
// The boxes are drawn for the picture that is on screen, by its time. Not here: which cameras are watched.

import { word } from "../i18n";
import { socket } from "../lib/api";
import type { Rect } from "../lib/types";

export interface Box {
  id: string;
  label: string;
  score: number;
  rect: Rect;
}

interface Boxes {
  pts_s: number;
  tracks: Box[];
}

interface Said {
  kind: string;
  mime?: string;
  width?: number;
  height?: number;
  pts_s?: number;
  tracks?: Box[];
  reason?: string;
}

export interface Screen {
  video: HTMLVideoElement;
  image: HTMLImageElement;
  canvas: HTMLCanvasElement;
}

export type Way = "connecting" | "video" | "frames" | "lost";

/** Behind the newest picture by more than this: jump forward. */
const LATE_S = 1.5;
/** Where a jump lands, behind the newest picture. */
const CUSHION_S = 0.35;
/** Kept behind what is shown. */
const KEEP_S = 8;
const BOXES_KEPT = 200;
/** Boxes older than this are of something else by now. */
const BOX_LIFE_S = 1;

export class Player {
  #screen: Screen;
  #camera: string;
  #said: (way: Way, reason: string) => void;
  #socket: WebSocket | null = null;
  #source: MediaSource | null = null;
  #buffer: SourceBuffer | null = null;
  #queue: ArrayBuffer[] = [];
  #boxes: Boxes[] = [];
  /** What is seen in the JPEG that comes next. */
  #coming: Box[] = [];
  #frames = 0;
  #asFrames = typeof MediaSource === "undefined";
  #url = "";
  #frame = 0;
  #retry = 0;
  #pause = 500;
  #over = false;
  #way: Way = "connecting";
  #drawn = -1;
  #size = { width: 16, height: 9 };

  constructor(camera: string, screen: Screen, said: (way: Way, reason: string) => void) {
    this.#camera = camera;
    this.#screen = screen;
    this.#said = said;
    this.#connect();
    this.#draw();
  }

  end(): void {
    this.#over = true;
    clearTimeout(this.#retry);
    cancelAnimationFrame(this.#frame);
    const made = this.#socket;
    this.#socket = null;
    made?.close();
    this.#forget();
    if (this.#screen.image.src.startsWith("blob:")) URL.revokeObjectURL(this.#screen.image.src);
    this.#screen.image.removeAttribute("src");
  }

  #tell(way: Way, reason = ""): void {
    this.#way = way;
    this.#said(way, reason);
  }

  #connect(): void {
    const made = socket(`/cameras/${this.#camera}/live${this.#asFrames ? "?as=frames" : ""}`, "yunti.live.v1");
    made.binaryType = "arraybuffer";
    this.#socket = made;
    made.addEventListener("message", (message) => {
      if (this.#socket !== made) return;
      if (typeof message.data === "string") this.#hear(JSON.parse(message.data) as Said);
      else this.#take(message.data as ArrayBuffer);
    });
    made.addEventListener("close", (event) => {
      if (this.#socket !== made || this.#over) return;
      this.#lose(event.reason);
    });
  }

  #lose(reason: string): void {
    const made = this.#socket;
    this.#socket = null;
    made?.close();
    this.#boxes = [];
    this.#tell("lost", reason);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), this.#pause);
    this.#pause = Math.min(this.#pause * 2, 8000);
  }

  #hear(said: Said): void {
    if (said.kind === "init") {
      this.#pause = 500;
      this.#size = { width: said.width ?? 16, height: said.height ?? 9 };
      this.#begin(said.mime ?? "");
    } else if (said.kind === "frames") {
      this.#pause = 500;
      this.#forget();
      this.#tell("frames", said.reason ?? "");
    } else if (said.kind === "boxes") {
      const tracks = said.tracks ?? [];
      if (typeof said.pts_s !== "number") {
        this.#coming = tracks;
        return;
      }
      this.#boxes.push({ pts_s: said.pts_s, tracks });
      if (this.#boxes.length > BOXES_KEPT) this.#boxes.shift();
    }
  }

  #take(data: ArrayBuffer): void {
    const head = new Uint8Array(data, 0, Math.min(2, data.byteLength));
    if (head[0] === 0xff && head[1] === 0xd8) {
      this.#showFrame(data);
      return;
    }
    // Of a stream that we were told to wait for no longer.
    if (!this.#source) return;
    this.#queue.push(data);
    this.#feed();
  }

  #showFrame(jpeg: ArrayBuffer): void {
    const { image } = this.#screen;
    const [old, tracks] = [image.src, this.#coming];
    // The boxes with the picture that they lie on.
    image.onload = () => {
      if (this.#way !== "frames") return;
      this.#frames += 1;
      this.#boxes = [{ pts_s: this.#frames, tracks }];
    };
    image.src = URL.createObjectURL(new Blob([jpeg], { type: "image/jpeg" }));
    if (old.startsWith("blob:")) URL.revokeObjectURL(old);
    if (this.#way !== "frames") this.#tell("frames");
  }

  /** A new stream: a new source, so that nothing of the old time line is left. */
  #begin(mime: string): void {
    this.#forget();
    if (!MediaSource.isTypeSupported(mime)) {
      this.#asFrames = true;
      this.#socket?.close();
      this.#connect();
      return;
    }
    const source = new MediaSource();
    this.#source = source;
    this.#url = URL.createObjectURL(source);
    this.#screen.video.src = this.#url;
    source.addEventListener("sourceopen", () => {
      if (this.#source !== source) return;
      const buffer = source.addSourceBuffer(mime);
      this.#buffer = buffer;
      buffer.addEventListener("updateend", () => {
        if (this.#buffer !== buffer) return;
        this.#follow();
        this.#feed();
      });
      buffer.addEventListener("error", () => this.#buffer === buffer && this.#lose("decode"));
      this.#feed();
    });
    this.#tell("video");
  }

  #forget(): void {
    this.#queue = [];
    this.#boxes = [];
    this.#buffer = null;
    this.#source = null;
    if (this.#url) {
      URL.revokeObjectURL(this.#url);
      this.#url = "";
      this.#screen.video.removeAttribute("src");
      this.#screen.video.load();
    }
  }

  #feed(): void {
    const buffer = this.#buffer;
    if (!buffer || buffer.updating || this.#source?.readyState !== "open") return;
    const video = this.#screen.video;
    if (buffer.buffered.length > 0 && video.currentTime - buffer.buffered.start(0) > KEEP_S * 2) {
      buffer.remove(0, video.currentTime - KEEP_S);
      return;
    }
    const next = this.#queue.shift();
    if (!next) return;
    try {
      buffer.appendBuffer(next);
    } catch {
      this.#lose("buffer");
    }
  }

  /** Stays close to the newest picture. */
  #follow(): void {
    const { video } = this.#screen;
    const buffered = this.#buffer?.buffered;
    if (!buffered || buffered.length === 0) return;
    const end = buffered.end(buffered.length - 1);
    const start = buffered.start(buffered.length - 1);
    const behind = end - video.currentTime;
    if (video.currentTime < start || behind > LATE_S || behind < -0.5) video.currentTime = Math.max(start, end - CUSHION_S);
    video.playbackRate = behind > CUSHION_S * 2 ? 1.08 : 1;
    if (video.paused) video.play().catch(() => undefined);
  }

  #draw = (): void => {
    if (this.#over) return;
    this.#frame = requestAnimationFrame(this.#draw);
    const { video, canvas, image } = this.#screen;
    const frames = this.#way === "frames";
    const at = frames ? Infinity : video.currentTime;
    let best: Boxes | null = null;
    for (const boxes of this.#boxes) if (boxes.pts_s <= at + 0.02 && (!best || boxes.pts_s >= best.pts_s)) best = boxes;
    if (best && !frames && at - best.pts_s > BOX_LIFE_S) best = null;
    const key = best?.pts_s ?? -1;
    const wide = Math.round(canvas.clientWidth * devicePixelRatio);
    const high = Math.round(canvas.clientHeight * devicePixelRatio);
    if (key === this.#drawn && canvas.width === wide && canvas.height === high) return;
    this.#drawn = key;
    if (canvas.width !== wide) canvas.width = wide;
    if (canvas.height !== high) canvas.height = high;
    const pen = canvas.getContext("2d");
    if (!pen) return;
    pen.clearRect(0, 0, wide, high);
    const shape = frames ? { width: image.naturalWidth || 16, height: image.naturalHeight || 9 } : this.#size;
    paint(pen, best?.tracks ?? [], shape, wide, high);
  };
}

/** Draws boxes where the picture lies when it is fitted whole into `wide` × `high`. */
function paint(pen: CanvasRenderingContext2D, tracks: Box[], shape: { width: number; height: number }, wide: number, high: number): void {
  const scale = Math.min(wide / shape.width, high / shape.height);
  const w = shape.width * scale;
  const h = shape.height * scale;
  const left = (wide - w) / 2;
  const top = (high - h) / 2;
  const line = Math.max(2, wide / 260);
  pen.lineWidth = line;
  pen.font = `600 ${Math.max(11, Math.round(wide / 34))}px system-ui, sans-serif`;
  pen.textBaseline = "bottom";
  for (const track of tracks) {
    const [x0, y0, x1, y1] = track.rect;
    const colour = track.label === "ebike" ? "#ff5147" : "#5cc8ff";
    const x = left + x0 * w;
    const y = top + y0 * h;
    pen.strokeStyle = colour;
    pen.strokeRect(x, y, (x1 - x0) * w, (y1 - y0) * h);
    const words = `${word("label", track.label)} ${Math.round(track.score * 100)}%`;
    const size = pen.measureText(words);
    const tall = Math.max(14, wide / 26);
    const bottom = Math.max(tall, y);
    pen.fillStyle = colour;
    pen.fillRect(x - line / 2, bottom - tall, size.width + 8, tall);
    pen.fillStyle = "#10151a";
    pen.fillText(words, x + 3, bottom - 1);
  }
}
