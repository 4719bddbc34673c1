"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const pieces = document.getElementsByClassName("piece");
  const utf8 = (text) => new TextEncoder().encode(text);

  function bytesOf(base64) {
    if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
    const text = atob(base64);
    const bytes = new Uint8Array(text.length);
    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
    return bytes;
  }

  // What people say is shown as text: nothing here is ever read as markup.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children.filter((child) => child !== null));
    return element;
  }

  // --- opening ---------------------------------------------------------------------------------------------------

  function normalised(passphrase) {
    return passphrase
      .replace(/[A-Z]/g, (letter) => letter.toLowerCase())
      .replace(/[^a-z0-9]/g, "")
      .replace(/o/g, "0")
      .replace(/[il]/g, "1");
  }

  async function keyFrom(passphrase, header) {
    const material = await crypto.subtle.importKey("raw", utf8(normalised(passphrase)), "PBKDF2", false, ["deriveKey"]);
    const kdf = { name: "PBKDF2", hash: "SHA-256", salt: bytesOf(header.salt), iterations: header.iterations };
    return crypto.subtle.deriveKey(kdf, material, { name: "AES-GCM", length: 256 }, false, ["decrypt"]);
  }

  async function indexFrom(passphrase) {
    const text = byId("header").textContent;
    const key = await keyFrom(passphrase, JSON.parse(text));
    const cipher = { name: "AES-GCM", iv: new Uint8Array(12), additionalData: utf8(text) };
    const clear = await crypto.subtle.decrypt(cipher, key, bytesOf(byId("index").textContent));
    return JSON.parse(new TextDecoder().decode(clear));
  }

  async function open(event) {
    event.preventDefault();
    const field = byId("passphrase");
    const button = byId("open");
    button.disabled = true;
    say("Opening. This takes a few seconds.");
    try {
      const index = await indexFrom(field.value);
      if (pieces.length !== index.pieces) {
        say("This file is incomplete or was changed: ask for it again.", true);
        return;
      }
      await show(index);
      field.value = "";
    } catch (error) {
      if (error.name !== "OperationError") throw error;
      say("This passphrase does not open the file. Look at each letter and digit, and try again.", true);
      field.focus();
      field.select();
    } finally {
      button.disabled = false;
    }
  }

  function say(text, bad = false) {
    const status = byId("status");
    status.textContent = text;
    status.className = bad ? "warning" : "";
  }

  // --- what is in it ---------------------------------------------------------------------------------------------

  async function show(index) {
    const key = await crypto.subtle.importKey("raw", bytesOf(index.audio_key), "AES-GCM", false, ["decrypt"]);
    const title = make("h1", { tabindex: "-1" }, "What we hold about you");
    const opened = byId("opened");
    opened.append(title, head(index), first(index));
    opened.append(...calls(index), ...recordings(index, key), ...held(index), ...notice(index), ...complain(index));
    byId("closed").hidden = true;
    opened.hidden = false;
    title.focus();
  }

  function head(index) {
    const firm = index.firm;
    const rows = [
      ["From", firm.legal_name === firm.trading_name ? firm.legal_name : `${firm.legal_name} (${firm.trading_name})`],
      ["Reference", index.reference],
      ["Made on", index.made_on_words],
    ];
    if (index.name) rows.push(["For", index.name]);
    if (index.numbers.length) rows.push(["Numbers asked about", index.numbers_words.join(", ")]);
    const list = make("dl", {}, ...rows.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
    const print = make("button", { type: "button", class: "quiet" }, "Print");
    const close = make("button", { type: "button", class: "quiet" }, "Close");
    print.addEventListener("click", () => window.print());
    close.addEventListener("click", () => location.reload());
    const status = make("p", { class: "note screen", role: "status" });
    const data = make("button", { type: "button", class: "quiet" }, "Save as data");
    data.addEventListener("click", () => {
      const name = `${index.reference}.json`;
      saveAs(new Blob([dataOf(index)], { type: "application/json" }), name);
      status.textContent = `Saved as ${name}, for programs to read; recordings are saved one by one. It is not encrypted.`;
    });
    return make("div", {}, list, make("p", { class: "screen" }, print, data, close), status);
  }

  // All of it but the recordings, whose key and places are of no use outside of this file (Article 20).
  function dataOf(index) {
    const { audio_key: _key, pieces: _pieces, piece_bytes: _bytes, ...rest } = index;
    const recordings = index.recordings.map(({ first: _first, ...entry }) => entry);
    return JSON.stringify({ ...rest, recordings }, null, 2);
  }

  function saveAs(blob, name) {
    const address = URL.createObjectURL(blob);
    make("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  }

  function first(index) {
    const box = make("div", { class: "first" });
    if (index.nothing_held) {
      box.append(make("p", {}, "We hold nothing about these numbers: no call, no recording, no entry in a list."));
    } else {
      const said = [count(index.calls.length, "call"), count(index.recordings.length, "recording")].join(" and ");
      box.append(make("p", {}, `In this file: ${said}, and what else we hold about you.`));
    }
    for (const text of index.statements) box.append(make("p", {}, text));
    for (const text of index.held_back) box.append(make("p", {}, make("strong", {}, "Not in this file: "), text));
    return box;
  }

  const count = (number, noun) => (number === 1 ? `1 ${noun}` : `${number || "no"} ${noun}s`);

  function calls(index) {
    if (!index.calls.length) return [];
    const places = new Map(index.recordings.map((entry, place) => [entry.call_id, place]));
    const columns = ["When", "Your number", "Kind", "Was the call allowed?", "What became of it", "Recording"];
    const rows = index.calls.map((call) => [
      call.when,
      call.number_words,
      call.purpose,
      call.decision,
      call.outcome,
      places.has(call.call_id)
        ? make("a", { href: `#recording-${places.get(call.call_id)}` }, "below, in this file")
        : call.recording,
    ]);
    return [make("h2", {}, "Calls"), table(columns, rows, "Every attempt to call you, the refused ones too. UK time.")];
  }

  function table(columns, rows, caption = "") {
    const cells = (row) => row.map((cell, place) => make("td", { "data-label": columns[place] }, cell || "–"));
    return make(
      "table",
      {},
      caption ? make("caption", {}, caption) : null,
      make("thead", {}, make("tr", {}, ...columns.map((name) => make("th", { scope: "col" }, name)))),
      make("tbody", {}, ...rows.map((row) => make("tr", {}, ...cells(row)))),
    );
  }

  function held(index) {
    return index.held.flatMap((part) => [
      make("h2", {}, part.title),
      part.note ? make("p", { class: "note" }, part.note) : null,
      part.rows.length ? table(part.columns, part.rows) : make("p", {}, part.none),
    ]).filter((part) => part !== null);
  }

  function notice(index) {
    const told = index.notice;
    const list = (title, texts) => [
      make("h3", {}, title),
      make("ul", {}, ...texts.map((text) => make("li", {}, text))),
    ];
    return [
      make("h2", {}, "Why we hold it, and for how long"),
      ...list("What it is used for", told.purposes),
      ...list("Kinds of data", told.categories),
      ...list("Who receives it", told.recipients),
      ...list("How long it is kept", told.retention),
      ...list("Where it comes from", told.source),
      ...list("Decisions by machine", told.automated),
      make("h2", {}, "Your rights"),
      make("ul", {}, ...index.rights.map((text) => make("li", {}, text))),
    ];
  }

  function complain(index) {
    const firm = index.firm;
    const authority = firm.authority;
    const ours = [firm.legal_name, firm.address, firm.email, firm.freephone].filter(Boolean).join("\n");
    const theirs = [authority.name, authority.address, authority.web, authority.email].filter(Boolean).join("\n");
    return [
      make("h3", {}, "How to reach us"),
      make("address", {}, ours),
      make("h3", {}, "The supervisory authority"),
      make("address", {}, theirs),
    ];
  }

  // --- recordings ------------------------------------------------------------------------------------------------

  function length(seconds) {
    const whole = Math.round(seconds);
    const [minutes, rest] = [Math.floor(whole / 60), whole % 60];
    return minutes ? `${minutes} min ${rest} s` : `${rest} s`;
  }

  // A recording is decrypted when it is asked for, piece by piece, and let go of when another one is.
  async function blobOf(entry, index, key, tell) {
    const parts = [];
    for (let left = entry.bytes, number = entry.first; left > 0; number += 1, left -= index.piece_bytes) {
      const iv = new Uint8Array(12);
      new DataView(iv.buffer).setUint32(8, number);
      const clear = await crypto.subtle.decrypt({ name: "AES-GCM", iv }, key, bytesOf(pieces[number].textContent));
      parts.push(new Blob([left < index.piece_bytes ? clear.slice(0, left) : clear]));
      tell(Math.round((100 * (entry.bytes - left)) / entry.bytes));
    }
    return new Blob(parts, { type: entry.media_type });
  }

  let playing = null;

  function recordings(index, key) {
    if (!index.recordings.length) return [];
    const boxes = index.recordings.map((entry, place) => recording(entry, place, index, key));
    return [make("h2", {}, "Recordings"), ...boxes];
  }

  function recording(entry, place, index, key) {
    const title = make("h3", {}, entry.title);
    const play = make("button", { type: "button", "aria-label": `Play: ${entry.title}` }, "Play");
    const save = make("button", { type: "button", class: "quiet", "aria-label": `Save: ${entry.title}` }, "Save");
    const status = make("p", { class: "note", role: "status" });
    const slot = make("div");
    const opened = async () => {
      try {
        return await blobOf(entry, index, key, (done) => { status.textContent = `Opening: ${done}%`; });
      } catch (error) {
        if (error.name !== "OperationError") throw error;
        status.textContent = "This recording is damaged: the file was changed. Ask for it again.";
        status.className = "warning";
        return null;
      }
    };
    play.addEventListener("click", async () => {
      play.disabled = true;
      const blob = await opened();
      if (!blob) return;
      if (playing) playing();
      const address = URL.createObjectURL(blob);
      const audio = make("audio", { controls: "", src: address, "aria-label": entry.title });
      audio.addEventListener("error", () => { status.textContent = "This browser cannot play it: save it instead."; });
      slot.replaceChildren(audio);
      status.textContent = "";
      playing = () => {
        audio.pause();
        slot.replaceChildren();
        URL.revokeObjectURL(address);
        play.disabled = false;
      };
      audio.play().catch(() => { if (!audio.error) status.textContent = "Press play."; });
    });
    save.addEventListener("click", async () => {
      save.disabled = true;
      const blob = await opened();
      save.disabled = false;
      if (!blob) return;
      saveAs(blob, entry.file);
      status.textContent = `Saved as ${entry.file}: that file is not encrypted.`;
    });
    return make(
      "section",
      { class: "recording", id: `recording-${place}` },
      title,
      make("p", { class: "note" }, `${entry.when} (UK time), ${length(entry.seconds)}`),
      entry.notes.length ? make("ul", {}, ...entry.notes.map((text) => make("li", {}, text))) : null,
      make("div", { class: "screen" }, play, save, slot, status),
    );
  }

  // --- start -----------------------------------------------------------------------------------------------------

  if (!window.isSecureContext || !crypto.subtle) {
    say("This browser cannot decrypt here. Save the file on this device and open it from there, or use another browser.", true);
    return;
  }
  byId("form").addEventListener("submit", open);
  byId("passphrase").disabled = false;
  byId("open").disabled = false;
  say("");
  byId("passphrase").focus();
})();
