// Requests to the server: who asks, what it refuses. Not here: what the answers mean.

export interface ProblemBody {
  type: string;
  title: string;
  status: number;
  detail: string;
  reason?: string | null;
  request_id?: string | null;
}

/** A refusal, as the server words it. `status` 0: the server could not be reached. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly body: Partial<ProblemBody>,
    readonly retryAfter: number | null = null,
  ) {
    super(body.detail ?? body.title ?? `HTTP ${status}`);
  }
}

const TOKEN = "yunti.token";
let bearer = "";
let csrf = "";
let onUnauthorised: () => void = () => undefined;

/** A token from `#token=`, or from earlier in this tab; with none, the session cookie speaks for us. */
export function useToken(token: string): void {
  bearer = token;
  if (token) sessionStorage.setItem(TOKEN, token);
  else sessionStorage.removeItem(TOKEN);
}

export function storedToken(): string {
  return sessionStorage.getItem(TOKEN) ?? "";
}

export function hasToken(): boolean {
  return bearer !== "";
}

export function useCsrf(value: string): void {
  csrf = value;
}

export function whenUnauthorised(act: () => void): void {
  onUnauthorised = act;
}

export interface Answer<T> {
  body: T;
  etag: string | null;
  date: string | null;
}

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const all: Record<string, string> = { ...headers };
  if (bearer) all["Authorization"] = `Bearer ${bearer}`;
  else if (method !== "GET" && csrf) all["X-Yunti-CSRF"] = csrf;
  if (body !== undefined) all["Content-Type"] = "application/json";
  let response: Response;
  try {
    const init: RequestInit = { method, headers: all, credentials: "same-origin" };
    if (body !== undefined) init.body = JSON.stringify(body);
    response = await fetch(`/api/v1${path}`, init);
  } catch {
    throw new Problem(0, {});
  }
  if (response.ok) return response;
  const text = await response.text();
  let problem: Partial<ProblemBody> = {};
  try {
    problem = JSON.parse(text) as ProblemBody;
  } catch {
    // Not from our server (a proxy's page): the status says enough.
  }
  const after = Number(response.headers.get("Retry-After"));
  if (response.status === 401 && path !== "/session") onUnauthorised();
  throw new Problem(response.status, problem, Number.isFinite(after) && after > 0 ? after : null);
}

export async function ask<T>(method: string, path: string, body?: unknown, etag?: string | null): Promise<Answer<T>> {
  const response = await send(method, path, body, etag ? { "If-Match": etag } : {});
  const text = await response.text();
  return {
    body: (text ? JSON.parse(text) : undefined) as T,
    etag: response.headers.get("ETag"),
    date: response.headers.get("Date"),
  };
}

/** The version of a thing that one has read, for `If-Match`: whoever changed it meanwhile is not overwritten. */
export function etagOf(thing: { version: number }): string {
  return `"${thing.version}"`;
}

export async function get<T>(path: string): Promise<T> {
  return (await ask<T>("GET", path)).body;
}

export async function items<T>(path: string): Promise<T[]> {
  return (await get<{ items: T[] }>(path)).items;
}

export async function post<T>(path: string, body: unknown = {}): Promise<T> {
  return (await ask<T>("POST", path, body)).body;
}

/** A picture, a clip or a table, with what its header says of when it was taken. */
export async function blob(path: string): Promise<{ blob: Blob; captured: string | null }> {
  const response = await send("GET", path);
  return { blob: await response.blob(), captured: response.headers.get("X-Yunti-Captured-At") };
}

/** A WebSocket of ours: with a token as a second subprotocol, or with the cookie. */
export function socket(path: string, protocol: string): WebSocket {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const protocols = bearer ? [protocol, `yunti.token.${bearer}`] : [protocol];
  return new WebSocket(`${scheme}://${location.host}/api/v1${path}`, protocols);
}
