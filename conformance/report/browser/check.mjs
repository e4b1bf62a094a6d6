// Looks at the pages of the report in a real browser: node check.mjs FOLDER-OF-MODULES CHROMIUM FOLDER-OF-PAGES.
// Writes a line for each check, and ends with 1 if one of them fails. browser_test.go writes the pages.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [modules, chromiumPath, folder] = process.argv.slice(2);
const load = createRequire(join(modules, "x.js"));
const { chromium } = load("playwright-core");
const axe = readFileSync(load.resolve("axe-core/axe.min.js"), "utf8");

// A deadline ends what hangs, and says nothing of how fast a machine is: it is far beyond what a busy one needs.
const deadline = 300_000;
const browser = await chromium.launch({
  timeout: deadline,
  executablePath: chromiumPath,
  args: [
    ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
const desktop = { width: 1280, height: 900 };
const phone = { width: 360, height: 740 };

const only = process.env.CHECK ?? ""; // to look at one check while working on it
let failed = 0;
async function check(name, options, f) {
  if (!name.includes(only)) return;
  const context = await browser.newContext({ viewport: desktop, reducedMotion: "reduce", ...options });
  context.setDefaultTimeout(deadline);
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (e) => errors.push(e.message));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  try {
    await f(page);
    assert.deepEqual(errors, [], "errors of the page");
    console.log(`ok ${name}`);
  } catch (e) {
    failed++;
    console.log(`not ok ${name}\n${e.message}\n${e.stack.split("\n").find((line) => line.includes("check.mjs:")) ?? ""}`);
  }
  await context.close();
}
const open = (page, file, hash = "") => page.goto(pathToFileURL(join(folder, file)).href + hash);
// The page filters once it has reset its controls, which is after the click has ended.
const cleared = (page) => page.waitForFunction(() => document.querySelector("output").value === "");
const shown = (page, selector) => page.locator(`${selector}:visible`).count();

const visibleClauses = (page) => page.locator("table.clauses tbody tr:not(.family):visible th").allTextContents();

const pages = ["one.html", "several.html", "compared.html", "history.html", "right.html", "explored.html"];
for (const file of pages) {
  for (const [size, viewport, colorScheme] of [["desktop", desktop, "light"], ["phone", phone, "dark"]]) {
    await check(`axe ${file} ${size} ${colorScheme}`, { viewport, colorScheme, bypassCSP: true }, async (page) => {
      await open(page, file);
      if (["one.html", "compared.html", "right.html", "explored.html"].includes(file)) await page.getByRole("button", { name: "Open all" }).click(); // of many runs axe takes minutes
      await page.evaluate(axe);
      const found = await page.evaluate(() => globalThis.axe.run());
      assert.ok(found.passes.length > 15, "axe looked at the page");
      assert.deepEqual(found.violations.map((v) => `${v.id}: ${v.nodes.length} times, first ${v.nodes[0].html.slice(0, 200)}`), []);
      const [wide, all] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
      assert.ok(wide <= all, `the page is ${wide} wide in a window of ${all}`);
    });
  }
}

for (const file of pages) {
  await check(`without script ${file}`, { javaScriptEnabled: false }, async (page) => {
    await open(page, file);
    assert.equal(await shown(page, ".tools"), 0, "no control that does nothing");
    assert.equal(await page.locator("[data-states][hidden], [data-part][hidden]").count(), 0, "nothing is hidden");
    if (file === "one.html") {
      await page.locator("summary", { hasText: "with their times" }).click();
      assert.equal(await shown(page, "table.cases tbody tr"), await page.locator("table.cases tbody tr").count());
    }
  });
}

await check("filters", {}, async (page) => {
  await open(page, "one.html");
  const all = await shown(page, "table.clauses tbody tr:not(.family)");
  await page.getByLabel("State").selectOption("violated");
  assert.deepEqual(await visibleClauses(page), ["MSG-6 MUST", "RID-8 MUST"]);
  assert.equal(await shown(page, "table.clauses .family"), 2, "a family without a clause is hidden");
  assert.equal(await shown(page, "table.cases tbody tr"), 2, "the list of cases opens");
  assert.equal(await shown(page, ".failure"), 2);
  assert.match(await page.locator("output").innerText(), /^Shown: 2 of \d+ clauses, 2 of \d+ cases$/);
  await page.getByRole("button", { name: "Clear filters" }).click();
  await cleared(page);
  assert.equal(await shown(page, "table.clauses tbody tr:not(.family)"), all);
  assert.equal(await page.locator("output").innerText(), "");

  await page.getByLabel("Hide what passes").check();
  assert.deepEqual(await visibleClauses(page),
    ["MSG-5 MUST", "MSG-6 MUST", "RID-8 MUST", "WRK-6 MUST", "WRK-8 MUST", "WRK-19 SHOULD"]);
  await page.getByLabel("Hide what passes").uncheck();

  const clauses = async (text) => {
    await page.getByLabel("Clause").fill(text);
    return page.locator("table.clauses tbody tr:not(.family):visible th").evaluateAll((cells) => cells.map((c) => c.textContent.split(" ")[0]));
  };
  assert.deepEqual(await clauses("wrk-1"), ["WRK-1"], "and not WRK-10");
  assert.ok((await clauses("WRK-1*")).includes("WRK-10"));
  assert.ok((await clauses("WRK")).every((name) => name.startsWith("WRK-")));
  assert.ok(await shown(page, "table.cases tbody tr") > 20, "cases that cover one of them");
  assert.deepEqual(await clauses("nothing"), []);
  await clauses("");

  await page.getByLabel("Text").fill("MODE 0600");
  assert.ok((await visibleClauses(page)).includes("WRK-6 MUST"), "whatever the letters' case");
  await page.getByLabel("Text").fill("no such text anywhere");
  assert.equal(await shown(page, "[data-states]"), 0);
  await page.getByLabel("Text").fill("this worker has no socket file");
  assert.deepEqual(await page.locator("table.cases tbody tr:visible th").allTextContents(), ["WRK-6/socket-file-has-mode-0600"], "a case is found by its failure's text");
});

await check("role filter", {}, async (page) => {
  await open(page, "several.html");
  await page.getByLabel("Role").selectOption("pool");
  assert.deepEqual(await page.locator("section:visible").evaluateAll((s) => [...new Set(s.map((e) => e.dataset.role))]), ["pool"]);
  await open(page, "one.html");
  assert.equal(await page.getByLabel("Role").count(), 0, "nothing to choose");
});

await check("order by time", {}, async (page) => {
  await open(page, "one.html");
  const times = () => page.locator("table.cases tbody tr").evaluateAll((rows) => rows.map((r) => Number(r.dataset.time)));
  const names = () => page.locator("table.cases tbody tr th").allTextContents();
  const before = await names();
  await page.getByLabel("Cases by").selectOption("time");
  const sorted = await times();
  assert.deepEqual(sorted, [...sorted].sort((a, b) => b - a));
  assert.ok(sorted[0] > sorted.at(-1));
  assert.ok(await shown(page, "table.cases tbody tr") > 0, "the list opens");
  await page.getByLabel("Cases by").selectOption("name");
  assert.deepEqual(await names(), before);
});

await check("open and close all", {}, async (page) => {
  await open(page, "one.html");
  const folded = () => page.locator("details:not([open])").count();
  assert.ok(await folded() > 0);
  await page.getByRole("button", { name: "Open all" }).click();
  assert.equal(await folded(), 0);
  await page.getByRole("button", { name: "Close all" }).click();
  assert.equal(await folded(), await page.locator("details").count());
});

await check("a link to every case", {}, async (page) => {
  await open(page, "one.html");
  const rows = page.locator("table.cases tbody tr");
  const links = await rows.evaluateAll((all) => all.map((r) => [r.id, r.querySelector("th a").getAttribute("href")]));
  for (const [id, href] of links) assert.equal(href, "#" + id);
  assert.equal(new Set(links.map(([id]) => id)).size, links.length);
  const last = links.at(-1)[1];
  await open(page, "right.html");
  await open(page, "one.html", last);
  const row = page.locator(last.replaceAll(".", "\\."));
  await row.waitFor({ state: "visible" });
  const box = await row.boundingBox();
  assert.ok(box.y >= 0 && box.y < desktop.height, `it is in view: ${box.y}`);
  // A link to what a filter hides shows it again.
  await page.getByLabel("Text").fill("no such text anywhere");
  assert.ok(!(await row.isVisible()));
  await page.evaluate(() => { location.hash = ""; });
  await page.evaluate((hash) => { location.hash = hash; }, last);
  await row.waitFor({ state: "visible" });
});

await check("keyboard alone", {}, async (page) => {
  await open(page, "one.html");
  const focused = () => page.evaluate(() => {
    const e = document.activeElement;
    const outline = getComputedStyle(e).outlineStyle;
    return { name: e.name || e.getAttribute("href") || e.tagName, label: e.textContent.trim(), seen: outline !== "none" };
  });
  const tabTo = async (name) => {
    for (let n = 0; n < 400; n++) {
      await page.keyboard.press("Tab");
      const f = await focused();
      assert.ok(f.seen, `the focus on ${f.name} can be seen`);
      if (f.name === name) return;
    }
    assert.fail(`Tab does not reach ${name}`);
  };
  await page.keyboard.press("Tab");
  assert.equal((await focused()).name, "#main", "the first Tab offers to skip to the results");
  await tabTo("state");
  await page.keyboard.type("viol");
  assert.equal(await shown(page, "table.clauses tbody tr:not(.family)"), 2);
  await tabTo("clause");
  await page.keyboard.type("RID");
  assert.equal(await shown(page, "table.clauses tbody tr:not(.family)"), 1);
  await tabTo("failing");
  await page.keyboard.press("Space");
  assert.ok(await page.getByLabel("Hide what passes").isChecked());
  await tabTo("open");
  await page.keyboard.press("Enter");
  assert.equal(await page.locator("details:not([open])").count(), 0);
  await tabTo("close");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab"); // Clear filters
  await page.keyboard.press("Enter");
  await cleared(page);
  // From the beginning to the end and out again: nothing holds the focus.
  await page.reload();
  const seen = new Set();
  for (let n = 0; n < 2000; n++) {
    await page.keyboard.press("Tab");
    const name = await page.evaluate(() => (document.activeElement === document.body ? "out" : [...document.querySelectorAll("*")].indexOf(document.activeElement)));
    if (name === "out" || seen.has(name)) break;
    seen.add(name);
  }
  const stops = await page.locator("a[href], button, input, select, summary, [tabindex='0']").evaluateAll(
    (all) => all.filter((e) => e.checkVisibility()).length);
  assert.ok(seen.size >= stops - 1, `${seen.size} of ${stops} stops were reached`);
});

for (const [size, viewport] of Object.entries({ desktop, phone })) {
  await check(`headings of the matrix stay ${size}`, { viewport }, async (page) => {
    await open(page, "several.html");
    const region = page.locator(".wide", { has: page.locator("table.matrix") }).first();
    await region.evaluate((e) => { e.scrollTo(e.scrollWidth, 0); e.querySelector("tbody:last-child").scrollIntoView({ block: "end" }); });
    const inView = (selector) => region.evaluate((e, s) => {
      const box = e.getBoundingClientRect();
      return [...e.querySelectorAll(s)].filter((x) => {
        const b = x.getBoundingClientRect();
        const at = document.elementFromPoint(b.left + Math.min(b.width, 20) / 2, b.top + b.height / 2);
        return b.left >= box.left - 1 && b.right <= box.right + 1 && b.top >= box.top - 1 && b.bottom <= box.bottom + 1 && x.contains(at);
      }).map((x) => x.textContent);
    }, selector);
    if (size === "phone") assert.ok(await region.evaluate((e) => e.scrollLeft > 0), "there is something to scroll");
    assert.equal((await inView(".family .stay")).at(-1)?.slice(0, 3), await region.evaluate((e) => e.querySelector("tbody:last-child .stay").textContent.slice(0, 3)),
      "the heading of the group stays when the table scrolls sideways");
    assert.ok((await inView("thead .name")).length > 0, "the names of the runs stay when it scrolls down");
    const names = await inView("tbody:last-child th[scope=row]");
    assert.ok(names.length > 0, "the names of the clauses stay");
  });
}

await check("at a glance", {}, async (page) => {
  await open(page, "one.html");
  const box = async (selector) => (await page.locator(selector).first().boundingBox()).y;
  assert.ok(await box(".verdict") < await box(".tools"), "the verdict stands before what filters");
  assert.ok(await box(".overview") < await box(".failure"), "what does not hold is named before it is told");
  const links = page.locator(".overview tbody a");
  assert.deepEqual(await links.allTextContents(), ["MSG-6", "RID-8", "WRK-8", "WRK-6", "WRK-19"]);
  await page.getByLabel("Clause").fill("RID");
  assert.deepEqual(await page.locator(".overview tbody tr:visible a").allTextContents(), ["RID-8"], "it is filtered with the rest");
  await page.getByRole("button", { name: "Clear filters" }).click();
  await cleared(page);
  for (const target of await links.evaluateAll((all) => all.map((a) => a.hash))) {
    await page.locator(`.overview a[href="${target}"]`).click();
    await page.waitForFunction((id) => {
      const y = document.getElementById(id).getBoundingClientRect().y;
      return y >= 0 && y < innerHeight;
    }, target.slice(1));
  }
});

await check("exploration", {}, async (page) => {
  await open(page, "explored.html");
  assert.ok(await page.locator("li", { hasText: "step 1" }).isVisible(), "the steps need no click");
});

for (const [size, viewport] of Object.entries({ desktop, phone })) {
  await check(`history ${size}`, { viewport }, async (page) => {
    await open(page, "history.html");
    for (const table of ["past", "fickle"]) {
      const wide = await page.locator(`table.${table}`).evaluate((e) => [e.scrollWidth, e.closest(".wide")?.clientWidth ?? e.parentElement.clientWidth]);
      if (size === "phone") assert.ok(wide[0] <= wide[1], `${table} is ${wide[0]} wide where there are ${wide[1]}`);
      assert.ok(await page.locator(`table.${table} tbody tr`).first().isVisible());
    }
    assert.equal(await page.locator(".past [data-label]").first().evaluate((e) => getComputedStyle(e, "::before").content !== "none"), size === "phone",
      "where the headings are gone each cell has its own");
    assert.equal(await page.getByRole("button", { name: "Open all" }).count(), 0, "there is nothing to open");
  });
}

await check("comparison", {}, async (page) => {
  await open(page, "compared.html");
  const cases = (heading) => page.locator("[data-part]", { has: page.getByRole("heading", { name: heading }) }).locator("tbody tr:visible th").allInnerTexts();
  assert.deepEqual(await cases("Broke"), ["MSG-5/ids-of-64-bits-come-back/enhanced", "WRK-6/socket-file-has-mode-0600", "WRK-8/half-sent-frame-blocks-no-other-connection/basic", "WRK-19/orphan-ends"]);
  assert.deepEqual(await cases("Mended"), ["WRK-10/unknown-method-gets-an-error-answer/basic"]);
  await page.getByRole("link", { name: "MSG-5/ids-of-64-bits-come-back/enhanced" }).first().click();
  await page.locator(".failure", { hasText: "MSG-5/ids-of-64-bits-come-back/enhanced" }).first().waitFor({ state: "visible" });
});

await browser.close();
console.log(`ok all ${failed === 0}`);
process.exitCode = failed === 0 ? 0 : 1;
