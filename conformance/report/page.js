// Filters, order and folding. Without this script the page shows everything.
(() => {
  const tools = document.querySelector(".tools");
  if (!tools) return;
  tools.hidden = false;
  const control = (name) => tools.elements[name];
  const items = [...document.querySelectorAll("[data-states]")].map((element) => ({
    element,
    states: element.dataset.states.split("|"),
    passes: "passes" in element.dataset,
    clauses: element.dataset.clauses.split(" "),
    role: element.closest("[data-role]")?.dataset.role,
    text: element.textContent.toLowerCase(),
  }));
  for (const i of items) {
    // A case is found by what its failure says too.
    const row = i.element.dataset.row && items.find((other) => other.element.id === i.element.dataset.row);
    if (!row) continue;
    const reason = i.element.closest(".clause").querySelector(":scope > .lines"); // of all cases of the group
    i.text += (reason?.textContent ?? "").toLowerCase();
    row.text += i.text;
  }
  const parts = [...document.querySelectorAll("[data-part]")].reverse(); // the inner ones first
  const roles = [...document.querySelectorAll("section[data-role]")];

  // FRM and FRM-* are a family, FRM-7 is one clause.
  const clauseTest = (wanted) => {
    const [start, rest] = wanted.trim().toUpperCase().split("*");
    if (rest === undefined && /\d$/.test(start)) return (name) => name === start;
    return (name) => name.startsWith(start);
  };

  const apply = () => {
    const value = (name) => control(name)?.value ?? "";
    const state = value("state"), role = value("role"), text = value("text").trim().toLowerCase();
    const failing = control("failing").checked, clause = clauseTest(value("clause"));
    for (const i of items) {
      i.element.hidden = !(
        (!state || i.states.includes(state)) && (!failing || !i.passes) &&
        (!role || i.role === role) && i.clauses.some(clause) && i.text.includes(text)
      );
    }
    for (const part of parts) part.hidden = !part.querySelector("[data-states]:not([hidden])");
    for (const section of roles) section.hidden = Boolean(role) && section.dataset.role !== role;
    const filtered = Boolean(state || role || text || failing || value("clause").trim());
    for (const table of document.querySelectorAll("table.cases")) {
      const rows = [...table.tBodies[0].rows];
      const key = value("order") === "time" ? (row) => -Number(row.dataset.time) : (row) => Number(row.dataset.place);
      rows.sort((a, b) => key(a) - key(b));
      if (rows.some((row, n) => row !== table.tBodies[0].rows[n])) table.tBodies[0].append(...rows);
      if (filtered || value("order") === "time") table.closest("details").open = true;
    }
    const of = (kind) => {
      const all = items.filter((i) => i.element.dataset.kind === kind);
      return all.length ? [`${all.filter((i) => !i.element.hidden).length} of ${all.length} ${kind}s`] : [];
    };
    control("shown").value = filtered ? `Shown: ${[...of("clause"), ...of("case")].join(", ")}` : "";
  };

  const fold = (open) => {
    for (const details of document.querySelectorAll("details")) details.open = open;
  };
  const reveal = () => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target) return;
    if (target.closest("[hidden]")) {
      tools.reset();
      apply();
    }
    for (let d = target.closest("details"); d; d = d.parentElement.closest("details")) d.open = true;
    target.scrollIntoView();
  };

  tools.addEventListener("submit", (event) => event.preventDefault());
  tools.addEventListener("input", apply);
  tools.addEventListener("reset", () => setTimeout(apply));
  control("open")?.addEventListener("click", () => fold(true));
  control("close")?.addEventListener("click", () => fold(false));
  addEventListener("hashchange", reveal);
  addEventListener("pageshow", () => {
    apply(); // with what the browser has kept of a page that was loaded again
    reveal();
  });
})();
