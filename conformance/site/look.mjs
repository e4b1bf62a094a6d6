// make site-look: opens pages of the site in Chromium at the width of a phone and of a desk, light and dark, asks axe about each,
// looks for text that runs out of the page, and keeps pictures in .cache/site-look.
//
// Takes playwright-core and axe-core, which make installs, and a Chromium: CHROMIUM names it.
import fs from "node:fs";
import http from "node:http";
import path from "node:path";
import { createRequire } from "node:module";

const [site, modules, pictures] = process.argv.slice(2).map((p) => path.resolve(p));
const require = createRequire(path.join(modules, "package.json"));
const { chromium } = require("playwright-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const types = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".svg": "image/svg+xml", ".json": "application/json" };
const server = http.createServer((request, response) => {
  const file = path.join(site, path.normalize(new URL(request.url, "http://x").pathname));
  fs.readFile(file, (error, content) => {
    response.writeHead(error ? 404 : 200, { "content-type": types[path.extname(file)] ?? "application/octet-stream" });
    response.end(content);
  });
});
await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
const base = `http://127.0.0.1:${server.address().port}/`;

fs.mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});
const wrong = [];
const pages = ["index", "worker", "framer", "pool", "implementations", "benchmarks", "404", "clauses/index", "clauses/FRM-7", "clauses/STR-5", "clauses/FRM-14"];
for (const [width, height] of [[390, 844], [1280, 900]]) {
  for (const colorScheme of ["light", "dark"]) {
    const context = await browser.newContext({ viewport: { width, height }, colorScheme, bypassCSP: true });
    const page = await context.newPage();
    page.on("console", (m) => m.type() === "error" && wrong.push(`${page.url()}: ${m.text()}`));
    for (const name of pages) {
      await page.goto(`${base}${name}.html`);
      const where = `${name}.html, ${width} wide, ${colorScheme}`;
      const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      if (over > 0) wrong.push(`${where}: the page is ${over} wider than the window`);
      await page.evaluate(axe);
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      for (const v of violations) wrong.push(`${where}: axe: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.target).join(", ")}`);
      await page.screenshot({ path: path.join(pictures, `${name.replace("/", "-")}-${width}-${colorScheme}.png`) });
    }
    await context.close();
  }
}
await browser.close();
server.close();
for (const line of wrong) console.error(line);
console.log(`${pages.length} pages at 2 widths in 2 schemes: ${wrong.length} things wrong; pictures in ${pictures}`);
process.exitCode = wrong.length ? 1 : 0;
