// Keys of the whole page. Not while somebody writes, nor with Ctrl, Alt or Meta: those are the browser's.

/** The key that was meant, or an empty text when the press was for something else. */
export function plainKey(event: KeyboardEvent): string {
  if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || event.repeat) return "";
  const at = event.target;
  if (at instanceof HTMLElement) {
    if (at.isContentEditable || at.closest("input, textarea, select, dialog, [data-keys]")) return "";
    if ((event.key === " " || event.key === "Enter") && at.closest("button, a")) return "";
  }
  return event.key;
}
