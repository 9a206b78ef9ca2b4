// Transports: one request, a WebSocket (graphql-transport-ws) or server-sent events (graphql-sse).
// An operation is { query, variables }; `token` is a bearer token or "".

const REQUEST_TIMEOUT = 30_000;
const PING_EVERY = 20_000;
const SILENCE_ALLOWED = 10_000;
/** Close codes after which a retry cannot succeed: the message or the token was refused. */
const FINAL_CODES = new Set([1002, 1007, 1009, 4400, 4401, 4403, 4406, 4409, 4429]);

/** An error with a message for people. */
class TransportError extends Error {}

/** "query", "mutation", "subscription", or "": the kind of the first operation of a document. */
function kindOf(query) {
  let text = query.replace(/"""[\s\S]*?"""|"(?:\\.|[^"\\\n])*"|#.*/g, "");
  for (let before = ""; before !== text;) {
    before = text;
    text = text.replace(/\([^()]*\)/g, " ").replace(/\{[^{}]*\}/g, " ; ");
  }
  const found = /\b(query|mutation|subscription)\b/.exec(text);
  return found ? found[1] : text.trim().startsWith(";") ? "query" : "";
}

function requestHeaders(token, accept) {
  const headers = { "content-type": "application/json", accept };
  if (token) headers.authorization = `Bearer ${token}`;
  return headers;
}

/** Runs a query or mutation: { status, statusText, millis, bytes, body, text }; `body` is undefined when it is not JSON. */
async function post(operation, token) {
  const started = performance.now();
  let response, text;
  try {
    const accept = "application/graphql-response+json, application/json;q=0.9";
    response = await fetch("/graphql", {
      method: "POST",
      headers: requestHeaders(token, accept),
      body: JSON.stringify(operation),
      signal: AbortSignal.timeout(REQUEST_TIMEOUT),
    });
    text = await response.text();
  } catch (error) {
    throw new TransportError(unreachable(error));
  }
  const answer = {
    status: response.status,
    statusText: response.statusText,
    retryAfter: response.headers.get("retry-after"),
  };
  const millis = performance.now() - started;
  return { ...answer, millis, bytes: new TextEncoder().encode(text).length, body: parseJson(text), text };
}

function unreachable(error) {
  if (error.name === "TimeoutError") return `No answer within ${REQUEST_TIMEOUT / 1000} seconds.`;
  return `The server cannot be reached. Is it still running? (${error.message})`;
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Runs a subscription until it ends or the returned function is called. A connection that is lost is made again; where the operation
 * declares `$after`, it goes on behind the last cursor. `on` has next(result), state(text), end(problem or "").
 */
function subscribe(operation, token, overSse, on) {
  const connect = overSse ? connectSse : connectSocket;
  const resumes = /\$after\s*:/.test(operation.query);
  let cursor,
    close,
    timer,
    attempt = 0,
    over = false;

  const end = (problem) => {
    if (over) return;
    over = true;
    clearTimeout(timer);
    close?.();
    on.end(problem);
  };
  const open = () => {
    const after = resumes && cursor ? { after: cursor } : {};
    on.state(attempt ? "connecting again" : "connecting");
    close = connect({ ...operation, variables: { ...operation.variables, ...after } }, token, {
      end,
      ready() {
        attempt = 0;
        on.state("live");
      },
      next(result) {
        if (over) return;
        for (const root of Object.values(result.data ?? {})) cursor = root?.cursor ?? cursor;
        on.next(result);
      },
      lost(reason) {
        if (over) return;
        const wait = Math.min(500 * 2 ** attempt++, 15_000) * (0.5 + Math.random() / 2);
        on.state(`${reason}; trying again in ${(wait / 1000).toFixed(1)} s`);
        timer = setTimeout(open, wait);
      },
    });
  };
  open();
  return () => end("");
}

/** One WebSocket for one subscription. */
function connectSocket(operation, token, on) {
  const url = new URL("/graphql/ws", location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const socket = new WebSocket(url, "graphql-transport-ws");
  const say = (message) => socket.readyState === WebSocket.OPEN && socket.send(JSON.stringify(message));
  let ping,
    silence,
    quiet = false;

  // A dead connection without a close frame is only detected by pings.
  const ask = () => {
    say({ type: "ping" });
    clearTimeout(silence);
    silence = setTimeout(() => finish(() => on.lost("Connection lost")), SILENCE_ALLOWED);
  };
  const finish = (tell) => {
    if (quiet) return;
    quiet = true;
    clearInterval(ping);
    clearTimeout(silence);
    socket.close(1000);
    tell?.();
  };
  const messages = {
    connection_ack() {
      ping = setInterval(ask, PING_EVERY);
      say({ id: "1", type: "subscribe", payload: operation });
      on.ready();
    },
    ping: (message) => say({ type: "pong", payload: message.payload }),
    next: (message) => on.next(message.payload),
    error: (message) => finish(() => on.end(describeErrors(message.payload))),
    complete: () => finish(() => on.end("")),
  };
  socket.onopen = () => say({ type: "connection_init", payload: token ? { authorization: `Bearer ${token}` } : {} });
  socket.onmessage = (event) => {
    clearTimeout(silence);
    const message = parseJson(event.data);
    if (!quiet) messages[message?.type]?.(message);
  };
  socket.onclose = (event) => {
    const reason = `Socket closed with ${event.code}${event.reason ? `: ${event.reason}` : ""}`;
    finish(() => (FINAL_CODES.has(event.code) ? on.end(reason) : on.lost(reason)));
  };
  return () => {
    say({ id: "1", type: "complete" });
    finish();
  };
}

/** One event stream. EventSource can neither post nor send a token, so the stream is read here. */
function connectSse(operation, token, on) {
  const abort = new AbortController();
  const read = async () => {
    const headers = requestHeaders(token, "text/event-stream");
    const body = JSON.stringify(operation);
    const response = await fetch("/graphql/stream", { method: "POST", headers, body, signal: abort.signal });
    if (!response.ok) {
      const text = await response.text();
      const told = `HTTP ${response.status}: ${describeErrors(parseJson(text)?.errors) || text || response.statusText}`;
      const passing = response.status === 429 || response.status >= 500;
      return passing ? on.lost(told) : on.end(told);
    }
    on.ready();
    for await (const { event, data } of events(response.body)) {
      if (event === "complete") return on.end("");
      if (event === "next") on.next(JSON.parse(data));
    }
    on.lost("The event stream ended");
  };
  read().catch((error) => abort.signal.aborted || on.lost(`Connection lost (${error.message})`));
  return () => abort.abort();
}

/** Parses the events of a text/event-stream body. */
async function* events(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const blocks = (rest + part.value).split(/\r?\n\r?\n/);
    rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split(/\r?\n/);
      const field = (name) =>
        lines.filter((line) => line.startsWith(`${name}:`)).map((line) => line.slice(name.length + 1).trimStart());
      yield { event: field("event").at(-1) ?? "message", data: field("data").join("\n") };
    }
  }
}

/** Formats `errors` of a response, one line each: the message, the field it is about, the code. */
function describeErrors(errors) {
  const line = ({ message, path, field, code, extensions }) => {
    const about = (path ?? field)?.join(".");
    const stable = code ?? extensions?.code;
    return `${message}${about ? ` (at ${about})` : ""}${stable ? ` [${stable}]` : ""}`;
  };
  return Array.isArray(errors) ? errors.map(line).join("\n") : "";
}
