// A camera's address with user and password, percent-encoded as the server reads them.

/** Puts `user` and `password` into `uri`; as it is when both are empty. */
export function withLogin(uri: string, user: string, password: string): string {
  if (!user && !password) return uri;
  const parts = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*@)?(.*)$/i.exec(uri);
  if (!parts) return uri;
  const code = (text: string) => encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return `${parts[1]}${code(user)}${password ? `:${code(password)}` : ""}@${parts[3]}`;
}
