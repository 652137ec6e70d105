/** A NATS server as a URL names it. A user name without a password is a token. */
export interface NatsServer {
  address: string;
  tls: boolean;
  login?: { user: string; pass: string } | { token: string };
}

/** Parses the URL of a NATS server. Undefined if it is none. */
export function natsServerOf(text: string): NatsServer | undefined {
  if (!/^(nats|tls):\/\/[^\s/?#]+\/?$/.test(text) || !URL.canParse(text)) return undefined;
  const { protocol, hostname, port, username, password } = new URL(text);
  if (hostname === '') return undefined;
  const server = { address: `${hostname}:${port || 4222}`, tls: protocol === 'tls:' };
  if (username === '') return server;
  try {
    const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
    return { ...server, login: password === '' ? { token: user } : { user, pass } };
  } catch {
    // A percent sign that encodes nothing.
    return undefined;
  }
}
