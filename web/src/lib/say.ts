// A refusal in the reader's language, with the server's own words where they say more.

import { said, t, word, type Key } from "../i18n";
import { en } from "../i18n/en";
import { Problem } from "./api";
import { prefs } from "./prefs.svelte";

/** Where the page's own words say all that one can do about it. */
const OURS_SAY_IT = [401, 403, 412, 429];
/** Where they say enough for who does not read the server's English. */
const OURS_MAY_DO = [404, 409, 410, 413, 415, 500, 503];

/** The server's words; of a field that is not right without the field's name, when they are translated. */
function theirWords(status: number, detail: string): string {
  const ofField = status === 422 ? detail.replace(/^[\w.]+: /, "") : detail;
  if (said(ofField) !== ofField) return said(ofField);
  return prefs.lang !== "en" && OURS_MAY_DO.includes(status) ? "" : detail;
}

export function say(error: unknown): string {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return t("problem.0");
  const detail = error.body.detail ?? "";
  if (error.body.reason) return said(detail) === detail ? `${word("probe", error.body.reason)} ${detail}`.trim() : said(detail);
  const key = `problem.${error.status}`;
  const ours = key in en ? t(key as Key, { seconds: error.retryAfter ?? 60 }) : t("problem.other", { status: error.status });
  const theirs = OURS_SAY_IT.includes(error.status) ? "" : theirWords(error.status, detail);
  const id = error.body.request_id ? ` (${error.body.request_id})` : "";
  return `${ours}${theirs ? ` ${theirs}` : ""}${id}`;
}
