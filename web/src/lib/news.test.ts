import { describe, expect, it } from "vitest";
import { fresh, hear, isOpen, isSettling, learn, learnAll, openFirst } from "./news";
import type { Alarm, ServerEvent } from "./types";

const T0 = Date.parse("2026-11-24T03:00:00Z");
const raised = (seq: number, id: string, more: Record<string, unknown> = {}): ServerEvent => ({
  seq, at: new Date(T0 + seq).toISOString(), kind: "alarm.raised", alarm: id, camera: "cam-1",
  alarm_kind: "ebike_in_lift", state: "raised", lift: "none", raised_at_ms: T0 + seq, cleared_at_ms: null, escalated: false, actor: null, note: null,
  sighting: { track: 1, label: "ebike", score: 0.9, box: [0, 0, 1, 1] }, ...more,
});
const updated = (seq: number, id: string, more: Record<string, unknown>): ServerEvent => ({ ...raised(seq, id, more), kind: "alarm.updated" });
const alarm = (id: string, more: Partial<Alarm> = {}): Alarm => ({
  id, kind: "ebike_in_lift", state: "raised", raised_at: new Date(T0).toISOString(), lift: "none", escalated: false, ...more,
});

describe("hear", () => {
  it("shows a new alarm from its event alone", () => {
    const news = fresh(10);
    const effects = hear(news, raised(11, "alm-1", { lift: "ordered" }));
    expect(effects.raised).toEqual(["alm-1"]);
    expect(news.seq).toBe(11);
    expect(news.alarms.get("alm-1")).toMatchObject({ state: "raised", lift: "ordered", camera: "cam-1", label: "ebike", score: 0.9, raised_at: "2026-11-24T03:00:00.011Z" });
  });

  it("takes an event once", () => {
    const news = fresh(10);
    hear(news, raised(11, "alm-1"));
    hear(news, updated(12, "alm-1", { state: "acknowledged", actor: "Li" }));
    const again = hear(news, raised(11, "alm-1"));
    expect(again).toMatchObject({ all: false, alarms: [], raised: [] });
    expect(news.alarms.get("alm-1")?.state).toBe("acknowledged");
    expect(news.seq).toBe(12);
  });

  it("takes events of before our place as known, also after a reconnection from it", () => {
    const news = fresh(10);
    for (const seq of [9, 10]) expect(hear(news, raised(seq, "alm-0")).raised).toEqual([]);
    expect(news.alarms.size).toBe(0);
    // Numbers may be left out (they are of sites that we may not see): that is no hole.
    expect(hear(news, raised(15, "alm-1"))).toMatchObject({ all: false, raised: ["alm-1"] });
  });

  it("keeps the order: the last word about a lift holds", () => {
    const news = fresh();
    hear(news, raised(1, "alm-1", { lift: "ordered" }));
    for (const [seq, lift] of [[2, "accepted"], [3, "holding"], [4, "released"]] as const) {
      hear(news, updated(seq, "alm-1", { lift }));
      expect(news.alarms.get("alm-1")?.lift).toBe(lift);
    }
    hear(news, updated(3, "alm-1", { lift: "holding" }));
    expect(news.alarms.get("alm-1")?.lift).toBe("released");
  });

  it("reads everything again after a gap, and goes on behind it", () => {
    const news = fresh(10);
    expect(hear(news, { kind: "gap", from: 11, to: 400 }).all).toBe(true);
    expect(news.seq).toBe(400);
    expect(hear(news, raised(200, "alm-1")).raised).toEqual([]);
    expect(hear(news, raised(401, "alm-2")).raised).toEqual(["alm-2"]);
  });

  it("skips what it does not know", () => {
    const news = fresh(1);
    const effects = hear(news, { seq: 2, kind: "moon.rises", alarm: "alm-1" });
    expect(effects).toMatchObject({ all: false, alarms: [], cameras: false, devices: false });
    expect(news.seq).toBe(2);
    hear(news, updated(3, "alm-1", { state: "vanished", lift: "flying" }));
    expect(news.alarms.get("alm-1")).toMatchObject({ state: "raised", lift: "none" });
  });

  it("names what must be read again", () => {
    const news = fresh();
    expect(hear(news, { seq: 1, kind: "camera.phase", camera: "cam-1" }).cameras).toBe(true);
    expect(hear(news, { seq: 2, kind: "device.state", device: "dev-1" }).devices).toBe(true);
    expect(hear(news, { seq: 3, kind: "device.reading", device: "dev-1" }).devices).toBe(false);
    expect(hear(news, { seq: 4, kind: "alarm.snapshot", alarm: "alm-1" }).pictures).toEqual(["alm-1"]);
    expect(hear(news, { seq: 5, kind: "order.state", alarm: "alm-1" }).alarms).toEqual(["alm-1"]);
  });

  it("tells an escalation with its sound", () => {
    const news = fresh();
    hear(news, raised(1, "alm-1"));
    expect(hear(news, { seq: 2, kind: "alarm.escalated", alarm: "alm-1", step: 1, sound: "urgent", text: "go" }).escalated).toEqual([{ alarm: "alm-1", sound: "urgent", text: "go" }]);
    expect(hear(news, { seq: 3, kind: "alarm.escalated", alarm: "alm-1", sound: "trombone" }).escalated[0]?.sound).toBe("siren");
  });
});

describe("learn", () => {
  it("does not let an answer undo what an event has said since it was asked for", () => {
    const news = fresh();
    hear(news, raised(5, "alm-1"));
    const asked = news.seq;
    hear(news, updated(6, "alm-1", { state: "false_alarm", actor: "Li", lift: "released" }));
    learn(news, alarm("alm-1", { lift: "holding", timeline: [{ at: "", name: "captured" }] }), asked);
    expect(news.alarms.get("alm-1")).toMatchObject({ state: "false_alarm", actor: "Li", lift: "released" });
    expect(news.alarms.get("alm-1")?.timeline).toHaveLength(1);
  });

  it("takes an answer that is as new as the events", () => {
    const news = fresh();
    hear(news, raised(5, "alm-1"));
    learn(news, alarm("alm-1", { state: "acknowledged" }), news.seq);
    expect(news.alarms.get("alm-1")?.state).toBe("acknowledged");
  });

  it("puts whole lists in place, and loses nothing that came meanwhile", () => {
    const news = fresh();
    hear(news, raised(1, "alm-old"));
    hear(news, raised(2, "alm-kept"));
    const asked = news.seq;
    hear(news, raised(3, "alm-new"));
    learnAll(news, [alarm("alm-kept", { state: "acknowledged" }), alarm("alm-other")], asked);
    expect([...news.alarms.keys()].sort()).toEqual(["alm-kept", "alm-new", "alm-other"]);
    expect(news.alarms.get("alm-kept")?.state).toBe("acknowledged");
  });
});

describe("order on the page", () => {
  it("is new ones first, then taken up, then closed; what lasts before what is over; newest first", () => {
    const at = (s: number) => new Date(T0 + s * 1000).toISOString();
    const all = [
      alarm("a", { state: "resolved", raised_at: at(9) }), alarm("b", { state: "acknowledged", raised_at: at(8) }),
      alarm("c", { raised_at: at(1) }), alarm("d", { raised_at: at(2) }), alarm("e", { raised_at: at(7), cleared_at: at(8) }),
    ];
    expect(openFirst(all).map((one) => one.id)).toEqual(["d", "c", "e", "b", "a"]);
  });

  it("knows what is open and what is not settled", () => {
    expect(isOpen(alarm("a"))).toBe(true);
    expect(isOpen(alarm("a", { state: "resolved" }))).toBe(false);
    expect(isSettling(alarm("a", { state: "false_alarm", lift: "holding", cleared_at: "2026-11-24T03:00:00Z" }))).toBe(true);
    expect(isSettling(alarm("a", { state: "false_alarm", lift: "released", cleared_at: "2026-11-24T03:00:00Z" }))).toBe(false);
    expect(isSettling(alarm("a", { lift: "holding" }))).toBe(false);
  });
});
