"use strict";
// Beside textual.js, which draws the terminal: where the keys go, what a screen reader reads, files that were saved.
(() => {
  const one = (id) => document.getElementById(id);

  function keysHere() {
    const field = document.querySelector(".xterm-helper-textarea");
    if (field === null) return;
    field.setAttribute("aria-label", "Console: keys are typed here. Question mark: help.");
    field.focus();
  }

  function show(lines) {
    const text = one("text");
    while (text.children.length > lines.length) text.lastChild.remove();
    lines.forEach((line, at) => {
      const there = text.children[at] || text.appendChild(document.createElement("div"));
      if (there.textContent !== line) there.textContent = line;
    });
  }

  function offer(file) {
    const item = document.createElement("li");
    const link = item.appendChild(document.createElement("a"));
    link.href = file.url;
    link.dataset.key = file.key;
    link.textContent = `Save ${file.name}`;
    link.addEventListener("click", () => setTimeout(keysHere, 0));
    one("files").append(item);
    link.click();
  }

  function taken(key) {
    for (const link of document.querySelectorAll("#files a")) if (link.dataset.key === key) link.parentElement.remove();
  }

  function heard(event) {
    if (typeof event.data !== "string") return;
    const [what, told] = JSON.parse(event.data);
    if (what === "text") {
      show(told.lines);
      if (told.said !== "") one("said").textContent = told.said;
    } else if (what === "file") offer(told);
    else if (what === "taken") taken(told);
  }

  // textual.js keeps its websocket to itself; what comes over it is heard here, too.
  const Native = window.WebSocket;
  window.WebSocket = class extends Native {
    constructor(...given) {
      super(...given);
      this.addEventListener("open", keysHere);
      this.addEventListener("message", heard);
    }
  };
  window.addEventListener("focus", keysHere);
  document.addEventListener("click", (event) => {
    if (event.target.closest("a") === null) keysHere();
  });
})();
