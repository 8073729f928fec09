export type Params = Record<string, string | number>;

/** `{name}` is replaced by its value; `{n|one|many}` chooses by the number `n`. */
export function fill(text: string, params: Params = {}): string {
  return text.replace(/\{(\w+)(?:\|([^|}]*)\|([^}]*))?\}/g, (whole, name: string, one?: string, many?: string) => {
    const value = params[name];
    if (value === undefined) return whole;
    if (many !== undefined) return (value === 1 ? one : many) ?? "";
    return String(value);
  });
}
