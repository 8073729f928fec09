import { describe, expect, it } from "vitest";
import { clock, day, everyDay, fromField, moment, span, stopwatch, toField } from "./time";

const AT = "2026-11-24T19:07:42.500Z";
const units = { ms: "ms", s: "s", min: "min", h: "h" };

describe("times", () => {
  it.each([[-5, "0:00"], [0, "0:00"], [7_900, "0:07"], [65_000, "1:05"], [725_000, "12:05"], [3_753_000, "1:02:33"], [90_000_000, "25:00:00"]])("stopwatch %i is %s", (ms, text) => {
    expect(stopwatch(ms)).toBe(text);
  });
  it.each([[0, "0 ms"], [870, "870 ms"], [2_440, "2.4 s"], [42_400, "42 s"], [200_000, "3 min 20 s"], [7_260_000, "2 h 1 min"]])("span %i is %s", (ms, text) => {
    expect(span(ms, units)).toBe(text);
  });
  it("are of the zone that is asked for, on a clock of 24 hours", () => {
    expect(clock(AT, "en", "Asia/Shanghai")).toBe("03:07:42");
    expect(clock("2026-11-24T16:00:00Z", "zh-CN", "Asia/Shanghai")).toBe("00:00:00");
    expect(day(AT, "zh-CN", "Asia/Shanghai")).toBe("2026年11月25日");
    expect(day(AT, "en-GB", "UTC")).toBe("24 November 2026");
    expect(moment(AT, "zh-CN", "Asia/Shanghai")).toContain("2026年11月25日");
    expect(moment(AT, "zh-CN", "Asia/Shanghai")).toContain("03:07:42");
  });
  it("puts in the days without a count", () => {
    const days = everyDay([{ date: "2026-03-29", count: 4 }], "2026-03-27T23:00:00Z", "2026-03-30T01:00:00Z", "Europe/Berlin");
    expect(days).toEqual([{ date: "2026-03-28", count: 0 }, { date: "2026-03-29", count: 4 }, { date: "2026-03-30", count: 0 }]);
  });
  it("go into a field and out of it, to the minute", () => {
    expect(fromField(toField("2026-11-24T19:07:00.000Z"))).toBe("2026-11-24T19:07:00.000Z");
    expect(toField(null)).toBe("");
    expect(fromField("")).toBeNull();
    expect(fromField("soon")).toBeNull();
  });
});
