// What every page gets with scripts on: keys, drafts, the lost-server line. Each page works without it.
(() => {
  "use strict";
  const typing = (node) => node instanceof HTMLElement && (node.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(node.tagName));
  const rows = () => [...document.querySelectorAll("[data-row]")].filter((row) => row.offsetParent !== null);
  let at = -1;

  const move = (step) => {
    const list = rows();
    if (!list.length) return;
    list.forEach((row) => row.classList.remove("here"));
    at = Math.min(list.length - 1, Math.max(0, at + step));
    const row = list[at];
    row.classList.add("here");
    row.scrollIntoView({ block: "nearest" });
    row.querySelector("a[href]")?.focus({ preventScroll: true });
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") {
      document.querySelectorAll("details.menu[open]").forEach((menu) => menu.removeAttribute("open"));
      if (typing(document.activeElement)) document.activeElement.blur();
      return;
    }
    if (typing(event.target)) return;
    if (event.key === "/") {
      const field = document.querySelector("[data-search]");
      if (field) { event.preventDefault(); field.focus(); }
    } else if (event.key === "j") { event.preventDefault(); move(1); }
    else if (event.key === "k") { event.preventDefault(); move(-1); }
    else if (event.key === "Enter" && at >= 0 && document.activeElement === document.body) {
      rows()[at]?.querySelector("a[href]")?.click();
    }
  });

  document.addEventListener("click", (event) => {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      if (!menu.contains(event.target)) menu.removeAttribute("open");
    });
    const printer = event.target instanceof Element && event.target.closest("[data-print]");
    if (printer) window.print();
  });

  // A draft stays in this browser until the form is sent, and is thrown away when another person signs in.
  const drafts = () => document.querySelectorAll("form[data-draft]").forEach((form) => {
    const key = `draft:${form.dataset.draft}`;
    const fields = () => [...form.elements].filter((field) => field.name && !/^(hidden|password|file|submit)$/.test(field.type) && field.name !== "csrf");
    const note = form.querySelector("[data-draft-note]");
    const read = () => { try { return JSON.parse(sessionStorage.getItem(key) || "null"); } catch { return null; } };
    const kept = read();
    if (kept && !form.dataset.noRestore) {
      fields().forEach((field) => {
        const values = kept[field.name];
        if (!values) return;
        if (/^(checkbox|radio)$/.test(field.type)) field.checked = values.includes(field.value);
        else if (values.length) [field.value] = values;
      });
      if (note) note.hidden = false;
    }
    let timer = 0;
    form.addEventListener("input", () => {
      clearTimeout(timer);
      timer = setTimeout(() => {
        const values = {};
        fields().forEach((field) => {
          values[field.name] ||= [];
          if (!/^(checkbox|radio)$/.test(field.type) || field.checked) values[field.name].push(field.value);
        });
        sessionStorage.setItem(key, JSON.stringify(values));
        if (note) note.hidden = false;
      }, 1500);
    });
    form.addEventListener("submit", () => sessionStorage.removeItem(key));
    form.querySelector("[data-draft-forget]")?.addEventListener("click", () => { sessionStorage.removeItem(key); location.reload(); });
  });

  // "As known on": the track jumps to the day under the handle; without scripts the date field does the same.
  const sliders = () => document.querySelectorAll("[data-known]").forEach((track) => {
    const days = JSON.parse(track.dataset.known);
    const says = document.getElementById(track.dataset.says);
    const field = document.getElementById(track.dataset.field);
    track.addEventListener("input", () => {
      const day = days[Number(track.value)];
      if (says) says.textContent = day.label;
      if (field) field.value = day.date;
      track.setAttribute("aria-valuetext", day.label);
    });
    track.addEventListener("change", () => track.form.requestSubmit());
  });

  // Lengths of texts as they are typed.
  const counters = () => document.querySelectorAll("[data-counts]").forEach((out) => {
    const field = document.getElementById(out.dataset.counts);
    const show = () => { out.textContent = [...field.value].length; };
    if (field) { field.addEventListener("input", show); show(); }
  });

  // The only red that is not a level: a page that updates itself has lost its server.
  const lost = document.getElementById("lost-server");
  if (lost) {
    document.addEventListener("htmx:sendError", () => { lost.hidden = false; });
    document.addEventListener("htmx:responseError", () => { lost.hidden = false; });
    document.addEventListener("htmx:afterOnLoad", () => { lost.hidden = true; });
  }

  drafts(); sliders(); counters();
})();
