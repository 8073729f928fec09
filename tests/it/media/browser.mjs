// Plays a camera's live view in a real Chromium and prints how old, in ms, the pictures are that it shows. Each picture
// carries the time at which it was taken as a row of blocks (see cost.rs). For tests/it/media/cost.rs:
// node browser.mjs FOLDER_OF_NODE_MODULES SERVER CAMERA TOKEN PICTURES BITS BLOCK
import { existsSync } from "node:fs";
import { createRequire } from "node:module";

const [modules, server, camera, token, pictures, bits, block] = process.argv.slice(2);
const { chromium } = createRequire(`${modules}/`)("playwright-core");
const known = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = process.env.CHROMIUM ?? known.find((path) => existsSync(path));
if (!executablePath) throw new Error("no Chromium: run `scripts/setup web`, or name it in CHROMIUM");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const context = await browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  await page.goto(`${server}/health/live`);
  const ages = await page.evaluate(
    async ({ camera, token, pictures, bits, block }) => {
      const video = document.body.appendChild(document.createElement("video"));
      video.muted = true;
      const media = new MediaSource();
      video.src = URL.createObjectURL(media);
      await new Promise((open) => media.addEventListener("sourceopen", open, { once: true }));
      const address = `${location.origin.replace("http", "ws")}/api/v1/cameras/${camera}/live`;
      const socket = new WebSocket(address, ["yunti.live.v1", `yunti.token.${token}`]);
      socket.binaryType = "arraybuffer";
      const waiting = [];
      let buffer;
      const more = () => {
        if (buffer && !buffer.updating && waiting.length) buffer.appendBuffer(waiting.shift());
      };
      const closed = new Promise((_, fail) => {
        socket.onclose = (e) => fail(new Error(`closed: ${e.code} ${e.reason}`));
        video.onerror = () => fail(new Error(`the video fails: ${video.error?.message}`));
      });
      socket.onmessage = ({ data }) => {
        if (typeof data !== "string") {
          waiting.push(data);
          return more();
        }
        const said = JSON.parse(data);
        if (said.kind !== "init" || buffer) return;
        buffer = media.addSourceBuffer(said.mime);
        buffer.addEventListener("updateend", () => {
          const { buffered } = video;
          if (buffered.length) {
            const end = buffered.end(buffered.length - 1);
            const behind = end - video.currentTime;
            // Once to the live end, and then after it: a seek throws decoded pictures away.
            if (video.paused || behind > 3) video.currentTime = Math.max(end - 0.15, buffered.start(buffered.length - 1));
            video.playbackRate = behind > 0.4 ? 1.2 : 1;
            if (video.paused) video.play();
          }
          more();
        });
      };
      const canvas = new OffscreenCanvas(bits * block, block).getContext("2d", { willReadFrequently: true });
      const ages = [];
      const played = new Promise((done) => {
        const shown = () => {
          canvas.drawImage(video, 0, 0);
          const now = Date.now();
          const { data } = canvas.getImageData(0, block / 2, bits * block, 1);
          let taken = 0;
          for (let bit = 0; bit < bits; bit += 1) {
            if (data[(bit * block + block / 2) * 4] > 128) taken += 2 ** bit;
          }
          const span = 2 ** bits;
          ages.push((((now - taken) % span) + span) % span);
          if (ages.length < pictures) video.requestVideoFrameCallback(shown);
          else done();
        };
        video.requestVideoFrameCallback(shown);
      });
      const late = new Promise((_, fail) => {
        const state = () => {
          const ranges = Array.from({ length: video.buffered.length }, (_, i) => [video.buffered.start(i), video.buffered.end(i)]);
          const { currentTime, paused, seeking, readyState } = video;
          return JSON.stringify({ ages: ages.length, ranges, currentTime, paused, seeking, readyState, waiting: waiting.length });
        };
        setTimeout(() => fail(new Error(`not in 40 s: ${state()}`)), 40_000);
      });
      await Promise.race([played, closed, late]);
      return ages;
    },
    { camera, token, pictures: Number(pictures), bits: Number(bits), block: Number(block) },
  );
  console.log(JSON.stringify(ages));
} finally {
  await browser.close();
}
