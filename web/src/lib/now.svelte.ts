// The time of day for everything on the page that counts seconds: one timer for all.

class Now {
  ms = $state(Date.now());

  constructor() {
    setInterval(() => (this.ms = Date.now()), 500);
  }
}

export const now = new Now();
