// A zone as points in fractions of the picture: adding, moving, removing. Pure.

import type { Point } from "./types";

export const MOST = 64;
const clamp = (value: number) => Math.min(1, Math.max(0, Math.round(value * 1000) / 1000));

/** A point within the picture, to a thousandth. */
export function inside(x: number, y: number): Point {
  return [clamp(x), clamp(y)];
}

/** Adds a point into the nearest edge, so that the outline does not cross itself; at the end while there are fewer than three. */
export function add(points: readonly Point[], x: number, y: number): Point[] {
  if (points.length >= MOST) return [...points];
  const point = inside(x, y);
  if (points.length < 3) return [...points, point];
  let best = 0;
  let least = Infinity;
  points.forEach((from, index) => {
    const to = points[(index + 1) % points.length] ?? from;
    const away = distance(point, from, to);
    if (away < least) (least = away), (best = index);
  });
  return [...points.slice(0, best + 1), point, ...points.slice(best + 1)];
}

export function move(points: readonly Point[], index: number, x: number, y: number): Point[] {
  return points.map((point, at) => (at === index ? inside(x, y) : point));
}

export function remove(points: readonly Point[], index: number): Point[] {
  return points.filter((_, at) => at !== index);
}

/** Distance from a point to a stretch of line. */
function distance([x, y]: Point, [ax, ay]: Point, [bx, by]: Point): number {
  const dx = bx - ax;
  const dy = by - ay;
  const long = dx * dx + dy * dy;
  const along = long === 0 ? 0 : Math.min(1, Math.max(0, ((x - ax) * dx + (y - ay) * dy) / long));
  return Math.hypot(x - (ax + along * dx), y - (ay + along * dy));
}
