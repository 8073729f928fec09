// The committed bundle is what the sources build, and it is light.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { expect, it } from "vitest";

const web = fileURLToPath(new URL("..", import.meta.url));

it("dist/ is what the sources build", () => {
  const folder = mkdtempSync(join(tmpdir(), "yunti-web-"));
  try {
    // As `npm run build` does it: not under the tests' NODE_ENV.
    const { NODE_ENV: _, ...env } = process.env;
    execFileSync(process.execPath, [join(web, "node_modules/vite/bin/vite.js"), "build", "--logLevel", "error", "--outDir", folder, "--emptyOutDir"], { cwd: web, env });
    expect(readdirSync(folder).sort()).toEqual(readdirSync(join(web, "dist")).sort());
    for (const name of readdirSync(folder)) {
      const same = readFileSync(join(folder, name)).equals(readFileSync(join(web, "dist", name)));
      expect(same, `${name} is not what the sources build: make web, and commit web/dist`).toBe(true);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

it("weighs at most 500 kB compressed, and has no source maps", () => {
  const names = readdirSync(join(web, "dist"));
  const weight = names.reduce((sum, name) => sum + gzipSync(readFileSync(join(web, "dist", name))).length, 0);
  console.log(`the page weighs ${(weight / 1000).toFixed(1)} kB compressed`);
  expect(weight).toBeLessThan(500_000);
  expect(names.filter((name) => name.endsWith(".map"))).toEqual([]);
});
