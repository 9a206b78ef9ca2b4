// The built-in page, which loads nothing from other hosts: editors, the response, live events.

const KEPT_EVENTS = 200;

/** Shows the editors; returns the function that loads an example. */
function startOwn() {
  byId("own").hidden = false;
  for (const editor of document.querySelectorAll("#own textarea")) setUpEditor(editor);
  byId("run").onclick = run;
  byId("clear-events").onclick = () => byId("events").replaceChildren();
  byId("own").onkeydown = (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    run();
  };
  return (example, { text, missing }) => {
    byId("operation").value = example.query;
    byId("variables").value = text === "{}" ? "" : text;
    byId("operation").scrollTop = 0;
    byId("note").textContent = example.note ?? "";
    byId("response").textContent = "";
    tell(missing.join("\n"), "warn");
  };
}

/** Tab indents. Escape, then Tab, leaves the editor: no keyboard trap. */
function setUpEditor(editor) {
  let leaving = false;
  editor.addEventListener("blur", () => (leaving = false));
  editor.addEventListener("keydown", (event) => {
    if (event.key === "Escape") leaving = true;
    if (event.key !== "Tab" || event.shiftKey || leaving) return;
    event.preventDefault();
    // Only this deprecated call preserves the browser's undo history.
    if (!document.execCommand("insertText", false, "  "))
      editor.setRangeText("  ", editor.selectionStart, editor.selectionEnd, "end");
  });
}

/** Shows a message above the response; `tone` is "", "ok", "warn" or "bad". */
function tell(text, tone) {
  byId("notice").textContent = text;
  byId("notice").dataset.tone = tone;
}

/** The operation in the editors; shows a message and returns undefined when it is invalid. */
function readOperation() {
  const query = byId("operation").value;
  const written = byId("variables").value.trim() || "{}";
  const kind = kindOf(query);
  if (!kind) return tell("There is no operation to run.", "bad");
  let variables;
  try {
    variables = JSON.parse(written);
  } catch (error) {
    return tell(`The variables are not JSON: ${error.message}`, "bad");
  }
  if (variables === null || typeof variables !== "object" || Array.isArray(variables))
    return tell("The variables must be a JSON object.", "bad");
  const { text, missing } = fill(variables);
  if (missing.length) return tell(missing.join("\n"), "bad");
  if (written !== "{}") byId("variables").value = text;
  return { kind, operation: { query, variables: JSON.parse(text) } };
}

async function run() {
  const button = byId("run");
  const read = button.disabled ? undefined : readOperation();
  if (!read) return;
  if (read.kind === "subscription") return watch(read.operation);
  button.disabled = true;
  tell("Running…", "");
  try {
    showAnswer(await post(read.operation, currentToken()));
  } catch (error) {
    byId("response").textContent = "";
    tell(error instanceof TransportError ? error.message : `The page failed: ${error.message}`, "bad");
  } finally {
    button.disabled = false;
    // A disabled button would lose the keyboard focus.
    if (document.activeElement === document.body) button.focus();
  }
}

function showAnswer(answer) {
  const { status, statusText, millis, bytes, body, text } = answer;
  if (body?.data) learn(body.data);
  byId("response").textContent = body === undefined ? text : JSON.stringify(body, null, 2);
  const size = bytes < 1024 ? `${bytes} bytes` : `${(bytes / 1024).toFixed(1)} KiB`;
  const heading = `HTTP ${status}${statusText ? ` ${statusText}` : ""} · ${millis.toFixed(0)} ms · ${size}`;
  const userErrors = valuesAt(Object.values(body?.data ?? {}), ["*", "userErrors", "*"]);
  const told = [heading, describeErrors(body?.errors), describeErrors(userErrors)];
  if (body === undefined) told.push("The answer is not JSON.");
  if (answer.retryAfter) told.push(`Try again in ${answer.retryAfter} s.`);
  const bad = status >= 400 || body === undefined || body.errors;
  tell(told.filter(Boolean).join("\n"), bad ? "bad" : userErrors.length ? "warn" : "ok");
  byId("notice").scrollIntoView({ block: "nearest" });
}

/** Runs a subscription in the background, until it ends or is stopped. */
function watch(operation) {
  const name = /subscription\s+(\w+)/.exec(operation.query)?.[1] ?? "subscription";
  const overSse = byId("sse").checked;
  const state = make("span", { className: "state" });
  const stop = make("button", { type: "button", textContent: "Stop", ariaLabel: `Stop ${name}` });
  const row = make(
    "li",
    {},
    make("strong", { textContent: name }),
    ` over ${overSse ? "SSE" : "WebSocket"}: `,
    state,
    " ",
    stop,
  );
  byId("streams").append(row);
  const finish = subscribe(operation, currentToken(), overSse, {
    next: (result) => {
      if (result.data) learn(result.data);
      showEvent(name, result);
    },
    state: (text) => (state.textContent = text),
    end: (problem) => {
      row.remove();
      if (problem) showEvent(name, undefined, problem);
      tell(problem ? `${name} ended: ${problem}` : `${name} ended.`, problem ? "bad" : "");
    },
  });
  stop.onclick = finish;
  tell(`${name} is running: its events are listed under “Live events”.`, "ok");
}

/** Formats an event in one line: kind, old and new status, start of the booking. */
function gist({ data }) {
  const { kind, change, booking } = Object.values(data ?? {})[0] ?? {};
  const { statusBefore: before, statusAfter: after = booking?.status } = change ?? {};
  const step = before && before !== after ? `${before} → ${after}` : after;
  const start =
    booking?.startsAt &&
    `starts ${new Date(booking.startsAt).toLocaleString([], { dateStyle: "medium", timeStyle: "short" })}`;
  return [change?.kind ?? kind, step, start].filter(Boolean).join(" · ");
}

/** Prepends an event. */
function showEvent(name, result, problem = describeErrors(result?.errors)) {
  const summary = make(
    "summary",
    {},
    make("time", { textContent: new Date().toLocaleTimeString() }),
    ` ${problem || gist(result)} `,
    make("span", { className: "state", textContent: name }),
  );
  const detail = make("pre", { textContent: result ? JSON.stringify(result, null, 2) : problem });
  const item = make("li", { className: problem ? "bad" : "" }, make("details", {}, summary, detail));
  byId("events").prepend(item);
  while (byId("events").childElementCount > KEPT_EVENTS) byId("events").lastElementChild.remove();
}
