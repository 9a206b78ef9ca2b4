// Drives the page at `/` in Chromium as a newcomer would: offline, as a client, from the list of coaches to a cancelled booking.
//
// It needs a running server with demo data and the ready tokens, Node 18 or later and Chromium:
//
//     apt-get install -y chromium                  # or CHROMIUM=/path/to/chrome
//     cargo run                                    # in another terminal
//     cd tests/browser && npm install && node page.mjs http://127.0.0.1:8080 [DIRECTORY FOR SCREENSHOTS]
//
// Prints a line for each check and `N passed, N failed`; exits with 1 if any failed. It makes three booking mutations: run it at most
// once a minute against a server that allows five.

import { chromium } from "playwright-core";

const [server = "http://127.0.0.1:8080", pictures] = process.argv.slice(2);
const EXECUTABLE = process.env.CHROMIUM ?? "/usr/bin/chromium";
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];
const PATIENCE = 15_000;

const results = { passed: 0, failed: 0 };

/** Runs one step; a failure is told and the next step still runs. */
async function check(what, step) {
  try {
    await step();
    results.passed += 1;
    console.log(`ok    ${what}`);
  } catch (error) {
    results.failed += 1;
    console.log(`FAIL  ${what}\n      ${String(error.message ?? error).replaceAll("\n", "\n      ")}`);
  }
}

function require(condition, message) {
  if (!condition) throw new Error(message);
}

const browser = await chromium.launch({ executablePath: EXECUTABLE, args: FLAGS });
const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, timezoneId: "Europe/Berlin" });
// Offline but for the server itself.
await context.route(
  (url) => url.origin !== new URL(server).origin,
  (route) => route.abort(),
);
const page = await context.newPage();
page.setDefaultTimeout(PATIENCE);
// Keeps the page's sockets and what it says on them, so that a check can cut one.
await page.addInitScript(() => {
  window.sockets = [];
  window.said = [];
  window.WebSocket = class extends WebSocket {
    constructor(...given) {
      super(...given);
      window.sockets.push(this);
    }
    send(text) {
      window.said.push(JSON.parse(text));
      super.send(text);
    }
  };
});
const complaints = [];
page.on("pageerror", (error) => complaints.push(error.message));
page.on(
  "console",
  (message) => /Content.Security.Policy|Uncaught/i.test(message.text()) && complaints.push(message.text()),
);

const notice = page.locator("#notice");
const events = page.locator("#events > li");
const eventsWith = (text) => events.filter({ has: page.locator("pre", { hasText: text }) });

const choose = (title) => page.locator("#examples").getByRole("button", { name: title, exact: true }).click();
const run = () => page.getByRole("button", { name: "Run", exact: true }).click();

/** Runs what the editors hold and gives the answer; `expected` must come in the line beside the button. */
async function answer(expected = /^HTTP 200/) {
  await notice.evaluate((element) => (element.textContent = ""));
  await run();
  await page.waitForFunction(() => /^(HTTP|The|There|No)\b/.test(document.querySelector("#notice").textContent));
  const told = await notice.textContent();
  require(expected.test(told), `expected ${expected}, was told: ${told}`);
  const text = await page.locator("#response").textContent();
  return text ? JSON.parse(text) : undefined;
}

async function answerTo(title) {
  await choose(title);
  const { data, errors } = await answer();
  require(data && !errors, `“${title}” failed: ${JSON.stringify(errors)}`);
  return data;
}

/** Runs a mutation example and gives its booking. */
async function bookingOf(title, field) {
  const { booking, userErrors } = (await answerTo(title))[field];
  require(userErrors.length === 0 && booking, `“${title}” was refused: ${JSON.stringify(userErrors)}`);
  return booking;
}

async function picture(name) {
  if (pictures) await page.screenshot({ path: `${pictures}/${name}.png`, fullPage: true });
}

let coaches, slots, booking;

await check("the page of our own takes over when the CDN cannot be reached", async () => {
  await page.goto(server);
  await page.locator("#own").waitFor();
  require((await notice.textContent()).includes("GraphiQL is not available"), "it does not say why");
});

await check("a client's token is ready", async () => {
  const role = await page
    .locator("#who option", { hasText: /client/i })
    .first()
    .getAttribute("value");
  await page.locator("#who").selectOption(role);
});

await check("lists coaches", async () => {
  coaches = (await answerTo("List coaches")).coaches.nodes;
  require(coaches.length > 0 && coaches.every((coach) => coach.displayName), "no coaches");
});

await check("reads free slots in the browser's zone", async () => {
  slots = (await answerTo("Free slots in my zone")).slots.days.flatMap((day) => day.slots);
  const { timeZone } = JSON.parse(await page.locator("#variables").inputValue());
  require(timeZone === "Europe/Berlin", `asked for ${timeZone}`);
  require(slots.length > 1 &&
    slots.every((slot) => /\+0[12]:00$/.test(slot.startsAtLocal)), `slots: ${JSON.stringify(slots.slice(0, 3))}`);
});

for (const transport of ["WebSocket", "SSE"]) {
  await check(`subscribes over ${transport} and gets a snapshot`, async () => {
    const before = await events.count();
    await choose("Watch my bookings live");
    await page.locator("#sse").setChecked(transport === "SSE");
    await run();
    await page.locator("#streams li", { hasText: `over ${transport}: live` }).waitFor();
    await events.nth(before).waitFor();
    require((await events.first().locator("pre").textContent()).includes("SNAPSHOT"), "the first event is no snapshot");
  });
}

await check("books the first slot, and both streams hear of it", async () => {
  booking = await bookingOf("Book a slot", "createBooking");
  require(booking.startsAt === slots[0].startsAt, `booked ${booking.startsAt}, not ${slots[0].startsAt}`);
  await eventsWith(booking.id).filter({ hasText: booking.status }).nth(1).waitFor();
});

await picture("live");

await check("moves it to the second slot, and both streams hear of it", async () => {
  const before = await eventsWith(booking.id).count();
  const moved = await bookingOf("Move it", "rescheduleBooking");
  require(moved.id === booking.id && moved.startsAt === slots[1].startsAt, JSON.stringify(moved));
  await eventsWith(booking.id)
    .nth(before + 1)
    .waitFor();
});

await check("cancels while the socket is cut, and no event is missed", async () => {
  const last = JSON.parse(await events.first().locator("pre").textContent()).data.bookingEvents.cursor;
  await page.evaluate(() => window.sockets.at(-1).close(3000, "cut by the test"));
  const canceled = await bookingOf("Cancel it", "cancelBooking");
  require(canceled.status === "CANCELED", JSON.stringify(canceled));
  await eventsWith(booking.id).filter({ hasText: "CANCELED" }).nth(1).waitFor();
  const resumed = await page.evaluate(
    () => window.said.findLast((message) => message.type === "subscribe").payload.variables,
  );
  require(resumed.after === last, `went on after ${resumed.after}, not ${last}`);
});

await check("stops both streams", async () => {
  const stops = page.locator("#streams").getByRole("button");
  while (await stops.count()) await stops.first().click();
  require(/ended/.test(await notice.textContent()), await notice.textContent());
});

await check("tells plainly what is wrong", async () => {
  await choose("List coaches");
  await page.locator("#variables").fill("{");
  await answer(/^The variables are not JSON/);
  await page.locator("#variables").fill("");
  await page.locator("#operation").fill("query { coaches( }");
  const { errors } = await answer(/^HTTP 400[^]*\[\w+\]/);
  require(errors.length > 0, "no errors");
  await page.route("**/graphql", (route) => route.abort());
  await answer(/cannot be reached/);
  await page.unroute("**/graphql");
});

await check("a pasted token that is no good is refused with 401", async () => {
  await page.locator("#who").selectOption("pasted");
  await page.locator("#pasted").fill("Bearer not.a.token");
  await choose("My bookings");
  await answer(/^HTTP 401/);
});

await check("Tab indents, Escape and Tab leave, Ctrl+Enter runs", async () => {
  await page.locator("#who").selectOption("");
  await choose("List coaches");
  const editor = page.locator("#operation");
  await editor.press("Home");
  const before = await editor.inputValue();
  await editor.press("Tab");
  require((await editor.inputValue()).length === before.length + 2, "Tab does not indent");
  await editor.press("Control+Enter");
  await page.waitForFunction(() => /^HTTP 200/.test(document.querySelector("#notice").textContent));
  await editor.press("Escape");
  await editor.press("Tab");
  require(await page.evaluate(() => document.activeElement.id === "variables"), "Escape and Tab do not leave");
});

await check("fits a phone", async () => {
  await picture("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await picture("dark");
  await page.setViewportSize({ width: 360, height: 740 });
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  require(width <= 360, `the page is ${width} px wide`);
  await picture("phone-dark");
  await page.emulateMedia({ colorScheme: "light" });
  await page.locator("#examples").getByRole("button", { name: "List coaches", exact: true }).click();
  await picture("phone");
});

await check("the browser had nothing to complain about", async () =>
  require(complaints.length === 0, complaints.join("\n")),
);

await browser.close();
console.log(`${results.passed} passed, ${results.failed} failed`);
process.exitCode = results.failed ? 1 : 0;
