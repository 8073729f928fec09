// Which page, and what it is asked: `#/history?state=raised`.

export const PAGES = ["live", "wall", "history", "cockpit", "setup"] as const;
export type PageName = (typeof PAGES)[number];

class Route {
  #hash = $state(location.hash);

  constructor() {
    addEventListener("hashchange", () => (this.#hash = location.hash));
  }

  get page(): PageName {
    const name = this.#hash.replace(/^#\//, "").split(/[?/]/)[0] ?? "";
    return PAGES.find((page) => page === name) ?? "live";
  }

  /** What follows the page's name: `#/setup/devices` is `devices`. */
  get part(): string {
    return this.#hash.replace(/^#\//, "").split("?")[0]?.split("/")[1] ?? "";
  }

  get query(): URLSearchParams {
    return new URLSearchParams(this.#hash.split("?")[1] ?? "");
  }

  go(path: string): void {
    location.hash = `#/${path}`;
  }

  /** Changes the query without a new step in the browser's history. */
  ask(query: URLSearchParams): void {
    const text = query.toString();
    const base = `#/${this.page}${this.part ? `/${this.part}` : ""}`;
    history.replaceState(null, "", text ? `${base}?${text}` : base);
    this.#hash = location.hash;
  }
}

export const route = new Route();
