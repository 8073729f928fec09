// Who is logged in, and what they may do. The server decides; the page only spares people buttons that would be refused.

import { ask, get, post, Problem, storedToken, useCsrf, useToken, whenUnauthorised } from "./api";
import type { Session } from "./types";
import { world } from "./world.svelte";

/** The least role for what the page shows or hides by place. The server has the whole table, and the last word. */
const ROLES = ["viewer", "operator", "integrator", "admin"];
const LEAST: Record<string, string> = { act_on_alarms: "operator", see_pictures: "viewer" };

type Stand = "asking" | "out" | "in" | "setup" | "unreachable";

class Account {
  stand = $state<Stand>("asking");
  session = $state.raw<Session | null>(null);
  /** Why the log-in page is shown, when it is not by one's own will. */
  ended = $state(false);
  setupSecret = "";

  async begin(): Promise<void> {
    whenUnauthorised(() => this.#out(this.stand === "in"));
    // A link with a secret that is opened in a page already here changes nothing but the hash.
    addEventListener("hashchange", () => {
      if (/^#(token|setup)=/.test(location.hash)) location.reload();
    });
    const given = new URLSearchParams(location.hash.slice(1));
    const token = given.get("token") ?? storedToken();
    this.setupSecret = given.get("setup") ?? "";
    // A secret does not stay in the address bar, nor in the history.
    if (given.has("token") || given.has("setup")) history.replaceState(null, "", location.pathname);
    if (token) useToken(token);
    if (this.setupSecret) {
      this.stand = "setup";
      return;
    }
    await this.ask();
  }

  async ask(): Promise<void> {
    try {
      this.#in(await get<Session>("/session"));
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.#out(storedToken() !== "");
      else this.stand = "unreachable";
    }
  }

  async logIn(name: string, password: string): Promise<void> {
    useToken("");
    this.#in(await post<Session>("/session", { name, password }));
  }

  async logInByToken(token: string): Promise<void> {
    useToken(token);
    try {
      this.#in(await get<Session>("/session"));
    } catch (error) {
      useToken("");
      throw error;
    }
  }

  async setUp(name: string, password: string): Promise<void> {
    this.#in(await post<Session>("/setup", { secret: this.setupSecret, name, password }));
    this.setupSecret = "";
  }

  async logOut(): Promise<void> {
    try {
      if (!storedToken()) await ask("DELETE", "/session");
    } finally {
      this.#out(false);
    }
  }

  /** Whether it is allowed at some site. */
  may(permission: string): boolean {
    return this.session?.permissions.includes(permission) ?? false;
  }

  /** Whether it is allowed at this site; a thing without a site needs a role at every site. */
  mayAt(permission: string, site: string | null | undefined): boolean {
    const least = ROLES.indexOf(LEAST[permission] ?? "admin");
    return this.may(permission) && (this.session?.grants ?? []).some(
      (grant) => (grant.site === null || (site != null && grant.site === site)) && ROLES.indexOf(grant.role) >= least,
    );
  }

  #in(session: Session): void {
    useCsrf(session.csrf);
    this.session = session;
    this.ended = false;
    this.stand = "in";
    world.start();
  }

  #out(ended: boolean): void {
    useToken("");
    useCsrf("");
    world.stop();
    this.session = null;
    this.ended = ended;
    this.stand = "out";
  }
}

export const account = new Account();
