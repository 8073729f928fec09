// The live page: alarms as they come, what the lift is really doing, and the three acts. Nothing leaves the server.
const ZH = {
  alarms: "实时告警", none: "没有未处理的告警。", cameras: "摄像机", devices: "设备", on: "已连接", off: "未连接服务器，正在重试…",
  token: "访问令牌", enter: "进入", refused: "令牌无效或已吊销。", acknowledge: "确认", resolve: "处理完毕", "false-alarm": "误报并放行",
  lift: "电梯", since: "开始", until: "离开", still: "仍在", camera: "摄像机", device: "设备", by: "处理人", taken: "他人已先处理：", frame: "最近一帧",
  kinds: { ebike_in_lift: "电瓶车进入电梯", device_trouble: "设备故障" },
  states: { raised: "新告警", acknowledged: "已确认", resolved: "已处理", false_alarm: "误报" },
  lifts: { none: "不受控", ordered: "已下令", accepted: "已接令", holding: "开门停靠中", released: "已放行", expired: "租约到期，已自行放行", refused: "拒绝", timed_out: "无应答", offline: "离线" },
  phases: { connecting: "连接中", live: "正常", stalled: "画面停滞", back_off: "等待重连", disabled: "停用" }, online: "在线", offline: "离线",
};
const EN = {
  alarms: "Live alarms", none: "No open alarm.", cameras: "Cameras", devices: "Devices", on: "connected", off: "not connected to the server, trying again…",
  token: "Access token", enter: "Enter", refused: "This token is not valid, or was revoked.", acknowledge: "Acknowledge", resolve: "Resolve", "false-alarm": "False alarm, release",
  lift: "Lift", since: "Since", until: "Out at", still: "still there", camera: "Camera", device: "Device", by: "By", taken: "Somebody was first: ", frame: "newest frame",
  kinds: { ebike_in_lift: "E-bike in the lift", device_trouble: "Device in trouble" },
  states: { raised: "new", acknowledged: "acknowledged", resolved: "resolved", false_alarm: "false alarm" },
  lifts: { none: "not controlled", ordered: "ordered", accepted: "accepted", holding: "stays, doors open", released: "released", expired: "lease over, free by itself", refused: "refused", timed_out: "does not answer", offline: "offline" },
  phases: { connecting: "connecting", live: "live", stalled: "stalled", back_off: "waiting to reconnect", disabled: "disabled" }, online: "online", offline: "offline",
};
const zh = (navigator.language || "").toLowerCase().startsWith("zh");
const T = zh ? ZH : EN;
document.documentElement.lang = zh ? "zh-CN" : "en";

const $ = (id) => document.getElementById(id);
for (const id of ["alarms", "cameras", "devices"]) $(`${id}-title`).textContent = T[id];
$("no-alarms").textContent = T.none;
document.querySelector("label").textContent = T.token;
document.querySelector("form button").textContent = T.enter;

let token = new URLSearchParams(location.hash.slice(1)).get("token") || sessionStorage.getItem("yunti.token") || "";
if (location.hash) history.replaceState(null, "", location.pathname);

const state = { alarms: new Map(), cameras: new Map(), devices: new Map(), pictures: new Map(), said: new Map() };
let seq = 0;

async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${token}` };
  if (body) headers["Content-Type"] = "application/json";
  const response = await fetch(`/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (response.status === 401) { signOut(); throw new Error("401"); }
  return response;
}
const list = async (path) => { const page = await (await call("GET", path)).json(); return page.items ?? page; };

function el(name, text, attributes = {}) {
  const node = document.createElement(name);
  if (text !== undefined && text !== null) node.textContent = text;
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return node;
}
const clock = (when) => new Date(when).toLocaleTimeString(document.documentElement.lang);
const nameOf = (kind, id) => state[kind].get(id)?.name ?? id ?? "";

function showAlarms() {
  const open = [...state.alarms.values()].filter((a) => a.state === "raised" || a.state === "acknowledged" || !a.cleared_at)
    .sort((a, b) => new Date(b.raised_at) - new Date(a.raised_at));
  $("no-alarms").hidden = open.length > 0;
  $("alarms").replaceChildren(...open.map(card));
}

function card(alarm) {
  const item = el("li", null, { "data-state": alarm.state, "data-id": alarm.id });
  const picture = state.pictures.get(alarm.id);
  const shot = el("img", null, { alt: "" });
  if (picture) shot.src = picture; else { shot.hidden = alarm.kind !== "ebike_in_lift"; fetchPicture(alarm); }
  const facts = el("dl");
  const fact = (name, value, style) => facts.append(el("dt", name), el("dd", value, style ? { class: style } : {}));
  if (alarm.camera) fact(T.camera, nameOf("cameras", alarm.camera));
  if (alarm.device) fact(T.device, nameOf("devices", alarm.device));
  if (alarm.kind === "ebike_in_lift") fact(T.lift, T.lifts[alarm.lift] ?? alarm.lift, `lift-${alarm.lift}`);
  fact(T.since, clock(alarm.raised_at));
  fact(T.until, alarm.cleared_at ? clock(alarm.cleared_at) : T.still);
  if (alarm.actor) fact(T.by, alarm.actor);
  const acts = el("div", null, { class: "acts" });
  for (const act of ["acknowledge", "resolve", "false-alarm"]) {
    if (act === "acknowledge" && alarm.state !== "raised") continue;
    if (alarm.state === "resolved" || alarm.state === "false_alarm") continue;
    const button = el("button", T[act], { type: "button", "data-act": act });
    button.addEventListener("click", () => doAct(alarm.id, act, button));
    acts.append(button);
  }
  const words = el("div");
  words.append(el("h3", `${T.kinds[alarm.kind] ?? alarm.kind} · ${T.states[alarm.state] ?? alarm.state}`), facts, acts);
  if (state.said.has(alarm.id)) words.append(el("p", state.said.get(alarm.id), { role: "alert", class: "bad" }));
  item.append(shot, words);
  return item;
}

async function doAct(id, act, button) {
  button.disabled = true;
  const response = await call("POST", `/alarms/${id}/${act}`, {});
  const body = await response.json();
  if (response.ok) { state.said.delete(id); state.alarms.set(id, body); }
  else { state.said.set(id, (response.status === 409 ? T.taken : "") + (body.detail ?? body.title)); await refreshAlarm(id); }
  showAlarms();
}

async function fetchPicture(alarm) {
  if (alarm.kind !== "ebike_in_lift" || state.pictures.get(alarm.id) === null) return;
  state.pictures.set(alarm.id, null);
  const response = await call("GET", `/alarms/${alarm.id}/snapshot`);
  if (!response.ok) { state.pictures.delete(alarm.id); return; }
  state.pictures.set(alarm.id, URL.createObjectURL(await response.blob()));
  showAlarms();
}

async function refreshAlarm(id) {
  const response = await call("GET", `/alarms/${id}`);
  if (response.ok) state.alarms.set(id, await response.json());
  showAlarms();
}

function showThings() {
  $("cameras").replaceChildren(...[...state.cameras.values()].map((c) => {
    const item = el("li", null, { "data-id": c.id });
    item.append(el("strong", c.name), " ", el("span", T.phases[c.phase] ?? c.phase, { class: c.phase === "live" ? "good" : "bad" }), el("br"), el("small", c.phase_reason ?? c.reason ?? ""));
    return item;
  }));
  $("devices").replaceChildren(...[...state.devices.values()].map((d) => {
    const item = el("li", null, { "data-id": d.id });
    item.append(el("strong", d.name), " ", el("span", d.online ? T.online : T.offline, { class: d.online ? "good" : "bad" }), el("br"), el("small", [d.mode, d.doors, d.floor].filter(Boolean).join(" · ")));
    return item;
  }));
}

async function refresh() {
  const [alarms, cameras, devices] = await Promise.all([list("/alarms?limit=50"), list("/cameras"), list("/devices")]);
  state.alarms = new Map(alarms.map((a) => [a.id, a]));
  state.cameras = new Map(cameras.map((c) => [c.id, c]));
  state.devices = new Map(devices.map((d) => [d.id, d]));
  showThings();
  showAlarms();
}

// One refresh of a thing per burst of events about it.
const due = new Map();
function soon(key, work) {
  if (due.has(key)) return;
  due.set(key, setTimeout(async () => { due.delete(key); try { await work(); } catch { /* the link will say it */ } }, 60));
}

function hear(event) {
  if (event.seq) seq = event.seq;
  if (event.kind === "gap") return soon("all", refresh);
  if (event.kind === "alarm.snapshot") { state.pictures.delete(event.alarm); return soon(`p${event.alarm}`, () => fetchPicture(state.alarms.get(event.alarm) ?? { id: event.alarm, kind: "ebike_in_lift" })); }
  if (event.kind?.startsWith("alarm.")) return soon(event.alarm, () => refreshAlarm(event.alarm));
  if (event.kind?.startsWith("camera.") || event.kind?.startsWith("device.")) return soon("all", refresh);
}

let pause = 250;
async function connect() {
  try { await refresh(); } catch (error) { if (error.message !== "401") retry(); return; }
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const since = seq ? `?since=${seq}` : "";
  const socket = new WebSocket(`${scheme}://${location.host}/api/v1/events${since}`, ["yunti.events.v1", `yunti.token.${token}`]);
  socket.addEventListener("open", () => { pause = 250; link(true); });
  socket.addEventListener("message", (message) => hear(JSON.parse(message.data)));
  socket.addEventListener("close", retry);
}
function retry() { link(false); setTimeout(connect, pause); pause = Math.min(pause * 2, 5000); }
function link(on) { $("link").dataset.state = on ? "on" : "off"; $("link").textContent = on ? T.on : T.off; }

function signOut() {
  sessionStorage.removeItem("yunti.token");
  if (token) $("refused").textContent = T.refused;
  token = "";
  document.querySelector("main").hidden = true;
  $("sign-in").hidden = false;
  $("link").textContent = "";
}
function signIn() {
  sessionStorage.setItem("yunti.token", token);
  $("sign-in").hidden = true;
  $("refused").textContent = "";
  document.querySelector("main").hidden = false;
  connect();
}
$("sign-in").addEventListener("submit", (event) => { event.preventDefault(); token = $("token").value.trim(); signIn(); });
if (token) signIn(); else signOut();
