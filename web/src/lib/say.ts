// A refusal in the reader's language, with the server's own words where they say more.

import { t, word, type Key } from "../i18n";
import { en } from "../i18n/en";
import { Problem } from "./api";

export function say(error: unknown): string {
  if (!(error instanceof Problem)) return error instanceof Error ? error.message : String(error);
  if (error.status === 0) return t("problem.0");
  if (error.body.reason) return `${word("probe", error.body.reason)} ${error.body.detail ?? ""}`.trim();
  const key = `problem.${error.status}`;
  const ours = key in en ? t(key as Key, { seconds: error.retryAfter ?? 60 }) : t("problem.other", { status: error.status });
  const theirs = [401, 403, 409, 412, 429].includes(error.status) ? "" : (error.body.detail ?? "");
  const id = error.body.request_id ? ` (${error.body.request_id})` : "";
  return `${ours}${theirs ? ` ${theirs}` : ""}${id}`;
}
