// Shared by both variants of the page: tokens, example operations, and values remembered from responses.

const byId = (id) => document.getElementById(id);
const TOKENS = JSON.parse(byId("tokens").textContent);
const { remember: LESSONS, examples: EXAMPLES } = JSON.parse(byId("examples-data").textContent);
const ROLE_TITLES = { anyone: "Anyone", client: "As a client", coach: "As a coach", admin: "As an admin" };

/** Creates an element: properties, then children (text or elements). */
function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// The token picker. The picker's values are "", an index into TOKENS, or "pasted".

function setUpTokens() {
  const picker = byId("who");
  picker.append(new Option("Anonymous", ""));
  TOKENS.forEach(({ label, role }, index) =>
    picker.append(new Option(label === role ? role : `${label} (${role})`, index)),
  );
  picker.append(new Option("Pasted token…", "pasted"));
  picker.onchange = () => {
    byId("pasted-row").hidden = picker.value !== "pasted";
    if (picker.value === "pasted") byId("pasted").focus();
  };
  byId("pasted").oninput = (event) => (event.target.value = event.target.value.replace(/^\s*(bearer\s+)?|\s+/gi, ""));
}

function currentToken() {
  const { value } = byId("who");
  return value === "pasted" ? byId("pasted").value : value === "" ? "" : TOKENS[value].token;
}

/** Selects the first token with the role of an example, unless one of that role, or a pasted one, is selected. */
function becomeFor(role) {
  const picker = byId("who");
  if (role === "anyone" || picker.value === "pasted" || TOKENS[picker.value]?.role === role) return;
  const index = TOKENS.findIndex((token) => token.role === role);
  if (index >= 0) picker.value = index;
}

// Values remembered from responses: variables of examples refer to them as "{{name}}".

const known = new Map();

/** Everything at a path. "*" is each element of a list, "!name" each element without that field, a number one element. */
function valuesAt(value, [step, ...rest]) {
  if (value === null || value === undefined) return [];
  if (step === undefined) return [value];
  if (step === "*") return Array.isArray(value) ? value.flatMap((item) => valuesAt(item, rest)) : [];
  if (step.startsWith("!"))
    return valuesAt(Array.isArray(value) ? value.filter((item) => !item[step.slice(1)]) : null, ["*", ...rest]);
  return valuesAt(value[step], rest);
}

/** Remembers values of a response's `data`. */
function learn(data) {
  for (const [name, { paths, nth = 0 }] of Object.entries(LESSONS)) {
    const values = paths.map((path) => valuesAt(data, path.split("."))).find((found) => found.length > 0);
    if (values) known.set(name, values[Math.min(nth, values.length - 1)]);
  }
}

const UNITS = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/** The value of a name, or undefined. `now+2h` is an instant, `date+3` a calendar date here, `key` a fresh idempotency key. */
function valueOf(name) {
  const [, base, amount, unit] = /^(now|date)(?:([+-]\d+)([mhd])?)?$/.exec(name) ?? [];
  const shifted = new Date(Date.now() + Number(amount ?? 0) * UNITS[unit ?? "d"]);
  if (base === "now") return shifted.toISOString();
  if (base === "date")
    return [shifted.getFullYear(), shifted.getMonth() + 1, shifted.getDate()]
      .map((part) => String(part).padStart(2, "0"))
      .join("-");
  if (name === "key") return crypto.randomUUID?.() ?? `key-${Date.now()}-${Math.random()}`;
  if (name === "timeZone") return Intl.DateTimeFormat().resolvedOptions().timeZone;
  return known.get(name);
}

/** Variables with their "{{names}}" replaced, and hints for the ones that have no value yet. */
function fill(variables) {
  const missing = new Set();
  const text = JSON.stringify(variables, null, 2).replace(/"\{\{([^{}"]+)\}\}"/g, (whole, name) => {
    const value = valueOf(name);
    if (value !== undefined) return JSON.stringify(value);
    missing.add(
      LESSONS[name]
        ? `{{${name}}} comes from the answer to “${LESSONS[name].from}”: run that first.`
        : `Nobody knows {{${name}}}.`,
    );
    return whole;
  });
  return { text, missing: [...missing] };
}

/** Lists the examples by role; `choose` is called with the example and its filled variables. */
function setUpExamples(choose) {
  for (const [role, title] of Object.entries(ROLE_TITLES)) {
    const buttons = EXAMPLES.filter((example) => example.role === role).map((example) => {
      const button = make("button", { type: "button", textContent: example.title, title: example.note ?? "" });
      button.onclick = () => {
        document.querySelector("#examples [aria-current]")?.removeAttribute("aria-current");
        button.setAttribute("aria-current", "true");
        becomeFor(role);
        if (matchMedia("(max-width: 760px)").matches) byId("examples").open = false;
        choose({ ...example, query: example.query.join("\n") }, fill(example.variables ?? {}));
      };
      return make("li", {}, button);
    });
    if (buttons.length) byId("examples").append(make("h3", { textContent: title }), make("ul", {}, ...buttons));
  }
}
