// Who is logged in, and what they may do. The server decides; the page only spares people buttons that would be refused.

import { ask, get, post, Problem, storedToken, useCsrf, useToken, whenUnauthorised } from "./api";
import type { Session } from "./types";
import { world } from "./world.svelte";

type Stand = "asking" | "out" | "in" | "setup" | "unreachable";

class Account {
  stand = $state<Stand>("asking");
  session = $state.raw<Session | null>(null);
  /** Why the log-in page is shown, when it is not by one's own will. */
  ended = $state(false);
  setupSecret = "";

  async begin(): Promise<void> {
    whenUnauthorised(() => this.#out(this.stand === "in"));
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
      // TEMPORARY until the server has /session.
      if (error instanceof Problem && error.status === 404 && storedToken())
        return this.#in({ person: null, name: "token", grants: [], csrf: "", permissions: ["watch", "see_pictures", "act_on_alarms", "manage_cameras", "manage_devices", "manage_tokens", "read_audit", "manage_people"] });
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

  may(permission: string): boolean {
    return this.session?.permissions.includes(permission) ?? false;
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
