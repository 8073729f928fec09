import { expect, it } from "vitest";
import { withLogin } from "./address";
import type { Point } from "./types";
import { add, inside, MOST, move, remove } from "./zone";

const square: Point[] = [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]];

it("keeps points within the picture", () => expect(inside(-1, 1.23456)).toEqual([0, 1]));
it("adds a point into the nearest edge", () => {
  expect(add(square, 0.5, 0.05).map(([x]) => x)).toEqual([0.1, 0.5, 0.9, 0.9, 0.1]);
  expect(add(square, 0.05, 0.5).at(-1)).toEqual([0.05, 0.5]);
});
it("adds at the end while there is no area yet", () => expect(add(square.slice(0, 2), 0.5, 0)).toHaveLength(3));
it("takes no more than the server does", () => {
  const many = Array.from({ length: MOST }, (_, n): Point => [n / MOST, 0]);
  expect(add(many, 0.5, 0.5)).toHaveLength(MOST);
});
it("moves and removes one", () => {
  expect(move(square, 1, 2, 0.2)[1]).toEqual([1, 0.2]);
  expect(remove(square, 0)).toEqual(square.slice(1));
});

it("puts a camera's user and password into its address", () => {
  const check = (uri: string, user: string, password: string, expected: string) => expect(withLogin(uri, user, password)).toBe(expected);
  check("rtsp://10.0.0.7/stream", "", "", "rtsp://10.0.0.7/stream");
  check("rtsp://10.0.0.7:554/a?b=c@d", "admin", "p@ss:w/d!", "rtsp://admin:p%40ss%3Aw%2Fd%21@10.0.0.7:554/a?b=c@d");
  check("rtsp://old:secret@10.0.0.7/stream", "new", "", "rtsp://new@10.0.0.7/stream");
});
