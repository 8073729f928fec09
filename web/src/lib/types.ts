// What the server says, as docs/openapi.json writes it. Fields that newer servers add are optional here.

export type AlarmState = "raised" | "acknowledged" | "resolved" | "false_alarm";
export type LiftState =
  "none" | "ordered" | "accepted" | "holding" | "released" | "expired" | "refused" | "timed_out" | "offline";
export type Act = "acknowledge" | "resolve" | "false-alarm";
export type SoundName = "siren" | "chime" | "urgent";
export type Rect = [number, number, number, number];
export type Point = [number, number];

export interface Escalation {
  at: string;
  when?: string | null;
  sound?: SoundName | null;
  tell?: string[];
  text?: string | null;
}

export interface Step {
  at: string;
  name: string;
  device?: string | null;
  detail?: string;
}

export interface Order {
  key: string;
  device: string;
  verb: string;
  state: string;
  cause?: string | null;
  at: string;
}

export interface Alarm {
  id: string;
  kind: string;
  state: AlarmState;
  camera?: string | null;
  device?: string | null;
  site?: string | null;
  building?: string | null;
  label?: string | null;
  score?: number | null;
  box?: Rect | null;
  raised_at: string;
  cleared_at?: string | null;
  lift: LiftState;
  escalated: boolean;
  escalations?: Escalation[];
  note?: string | null;
  actor?: string | null;
  snapshot?: string;
  clip?: string | null;
  timeline?: Step[];
  orders?: Order[];
}

export interface Page<T> {
  items: T[];
  next?: string | null;
}

export interface ScheduleWindow {
  days?: string[];
  from: string;
  to: string;
}

export interface Schedule {
  time_zone: string;
  windows: ScheduleWindow[];
}

export interface Overrides {
  min_score?: number | null;
  hold_score?: number | null;
  margin?: number | null;
  confirm?: { seen: number; of: number } | null;
  clear_after_s?: number | null;
  cooldown_s?: number | null;
}

export interface Camera {
  id: string;
  name: string;
  uri: string;
  has_credentials: boolean;
  pipeline: string;
  transport: string;
  site?: string | null;
  building?: string | null;
  devices: string[];
  zone?: Point[] | null;
  overrides: Overrides;
  schedule?: Schedule | null;
  decode?: string | null;
  enabled: boolean;
  version: number;
  phase: string;
  phase_reason: string;
  phase_since: string;
  blind?: string | null;
  last_frame_age_ms?: number | null;
}

export interface Device {
  id: string;
  name: string;
  kind: string;
  control?: string | null;
  site?: string | null;
  building?: string | null;
  version: number;
  online: boolean;
  since?: string | null;
  mode?: string | null;
  doors?: string | null;
  floor?: string | null;
  moving?: boolean | null;
  state?: string | null;
  token?: string;
}

export interface Pipeline {
  name: string;
  about: string;
  watches: string;
  min_score: number;
  hold_score: number | null;
  holds_lift: boolean;
}

export interface Probe {
  codec: string;
  width: number;
  height: number;
  fps?: number | null;
  snapshot: string;
}

export interface Site {
  id: string;
  name: string;
  version: number;
  buildings?: string[];
}

export interface Grant {
  role: string;
  site: string | null;
}

export interface Person {
  id: string;
  name: string;
  grants: Grant[];
  disabled: boolean;
  version: number;
  created_at: string;
  last_seen?: string | null;
}

export interface Token {
  id: string;
  name: string;
  role: string;
  site?: string | null;
  created_at: string;
  expires_at?: string | null;
  last_used?: string | null;
  revoked_at?: string | null;
  token?: string;
}

export interface EscalationStep {
  after_s: number;
  when: string;
  sound: SoundName;
  tell: string[];
  text: string;
}

export interface Session {
  person: string | null;
  name: string;
  grants: Grant[];
  permissions: string[];
  csrf: string;
}

export interface Stats {
  last_seq: number;
  epoch: number;
  open_alarms: number;
}

export interface Quantiles {
  p50: number | null;
  p95: number | null;
  count: number;
}

export interface Cockpit {
  since: string;
  until: string;
  kept_out: number;
  lifts: number;
  sentence_since: string | null;
  alarms: { total: number; open: number; acknowledged: number; resolved: number; false_alarm: number };
  false_share: number | null;
  time_to_stop_ms: Quantiles;
  time_to_acknowledge_ms: Quantiles;
  by_site: { site: string | null; count: number }[];
  by_building: { site: string | null; building: string | null; count: number }[];
  by_camera: { camera: string; name: string | null; site: string | null; count: number }[];
  by_hour: number[];
  by_weekday: number[];
  by_day: { date: string; count: number }[];
  camera_uptime: { camera: string; name: string; share: number | null }[];
  device_uptime: { device: string; name: string; share: number | null }[];
}

/** One message of the event socket: the kind's own fields lie beside these. */
export interface ServerEvent {
  seq?: number;
  at?: string;
  kind: string;
  alarm?: string;
  camera?: string;
  device?: string;
  [more: string]: unknown;
}
