// Starts GraphiQL if its files load in time, else the built-in page. `/?own` and `/?graphiql` select one of them.

const LOAD_TIMEOUT = 3_000;

/** Loads a file from the CDN; the browser refuses it unless it matches the hash in the page. */
function fetchFile({ url, integrity }) {
  const isStyle = url.endsWith(".css");
  const common = { integrity, crossOrigin: "anonymous" };
  // Not async: inserted scripts otherwise run in the order of arrival.
  const element = isStyle
    ? make("link", { ...common, rel: "stylesheet", href: url })
    : make("script", { ...common, async: false, src: url });
  return new Promise((resolve, reject) => {
    element.onload = resolve;
    element.onerror = () => reject(new Error(`${url} could not be loaded`));
    document.head.append(element);
  });
}

async function loadGraphiql(timeoutMs) {
  const files = JSON.parse(byId("graphiql-files").textContent);
  const late = new Promise(
    (_, reject) => timeoutMs && setTimeout(() => reject(new Error("the CDN did not answer in time")), timeoutMs),
  );
  await Promise.race([Promise.all(files.map(fetchFile)), late]);
}

/** GraphiQL's fetcher over our transport. A subscription becomes an async iterable. */
function fetcher({ query, variables, operationName }, { documentAST } = {}) {
  const definition = documentAST?.definitions.find(
    (one) => one.kind === "OperationDefinition" && (!operationName || one.name?.value === operationName),
  );
  const operation = {
    query,
    variables: JSON.parse(fill(variables ?? {}).text),
    ...(operationName && { operationName }),
  };
  if ((definition?.operation ?? kindOf(query)) === "subscription") return iterate(operation);
  return post(operation, currentToken()).then(({ body, text, status }) => {
    if (body?.data) learn(body.data);
    return body ?? { errors: [{ message: `HTTP ${status}: ${text}` }] };
  });
}

async function* iterate(operation) {
  const waiting = [];
  let wake,
    ended = false;
  const put = (item) => (waiting.push(item), wake?.());
  const stop = subscribe(operation, currentToken(), false, {
    next: (result) => (learn(result.data ?? {}), put(result)),
    state() {},
    end: (problem) => ((ended = true), problem ? put({ errors: [{ message: problem }] }) : wake?.()),
  });
  try {
    for (;;) {
      if (waiting.length) yield waiting.shift();
      else if (ended) return;
      else await new Promise((resolve) => (wake = resolve));
    }
  } finally {
    stop();
  }
}

/** Mounts GraphiQL; returns the function that loads an example. */
function startGraphiql() {
  const place = byId("graphiql");
  place.hidden = false;
  const root = ReactDOM.createRoot(place);
  const show = (given) =>
    root.render(
      React.createElement(GraphiQL, { fetcher, shouldPersistHeaders: false, isHeadersEditorEnabled: false, ...given }),
    );
  const first = EXAMPLES[0];
  show({ defaultQuery: first.query.join("\n") });
  return (example, { text }) => show({ query: example.query, variables: text });
}

setUpTokens();
const asked = new URLSearchParams(location.search);
let choose,
  why = "";
if (!asked.has("own")) {
  try {
    await loadGraphiql(asked.has("graphiql") ? 0 : LOAD_TIMEOUT);
    choose = startGraphiql();
  } catch (error) {
    why = `GraphiQL is not available (${error.message}). This page does the same without it.`;
  }
}
byId("loading").remove();
byId(choose ? "to-own" : "to-graphiql").hidden = false;
const isOwn = !choose;
choose ??= startOwn();
setUpExamples(choose);
if (isOwn) document.querySelector("#examples button")?.click();
if (why) tell(why, "warn");
