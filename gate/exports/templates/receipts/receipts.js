// The page of receipts: the code gives place and key of a receipt's file, and Proof says whether what is in it holds.
(() => {
  const byId = (id) => document.getElementById(id);
  const facts = JSON.parse(byId("facts").textContent);
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  const months = "January February March April May June July August September October November December".split(" ");
  const days = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

  function say(text, look = "") {
    byId("status").textContent = text;
    byId("status").className = look;
  }

  // As gate.core.receipts: null where it is no code.
  function codeOf(text) {
    const code = text.toUpperCase().replace(/[\s\-._\u2010\u2011\u2013]/g, "").replace(/O/g, "0").replace(/[IL]/g, "1");
    const places = [...code].map((sign) => facts.signs.indexOf(sign));
    if (places.length !== facts.length || places.includes(-1)) return null;
    const sum = places.slice(0, -1).reduce((all, value, place) => all + (place + 2) * value, 0);
    return sum % facts.signs.length === places.at(-1) ? code : null;
  }

  async function placeAndKey(code) {
    const material = await crypto.subtle.importKey("raw", utf8(code), "PBKDF2", false, ["deriveBits"]);
    const kdf = { name: "PBKDF2", hash: "SHA-256", salt: utf8(facts.salt), iterations: facts.iterations };
    const bits = new Uint8Array(await crypto.subtle.deriveBits(kdf, material, 384));
    const key = await crypto.subtle.importKey("raw", bits.slice(16), "AES-GCM", false, ["decrypt"]);
    const name = hex(bits.slice(0, 16));
    return { place: `data/${name.slice(0, 2)}/${name}.bin`, key };
  }

  async function opened(sealed, key) {
    const cipher = { name: "AES-GCM", iv: sealed.slice(0, 12) };
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(cipher, key, sealed.slice(12))));
  }

  const MISSING = "No receipt is kept under this code here. It may be mistyped, not published yet, or no longer kept.";
  const GONE = "This receipt is no longer kept: the firm has erased what it held of the call.";
  const CHANGED = "Do not trust this receipt: its file was changed.";

  async function check(event) {
    event.preventDefault();
    byId("receipt").hidden = true;
    byId("from-disk").hidden = true;
    const code = codeOf(byId("code").value);
    if (code === null) {
      say("This is not a code: look at each sign, and try again.", "warning");
      return;
    }
    say("Looking for it.");
    byId("check").disabled = true;
    try {
      const { place, key } = await placeAndKey(code);
      if (location.protocol === "file:") {
        fromDisk(code, place, key);
        return;
      }
      const answer = await fetch(place, { cache: "no-store", credentials: "omit" });
      if (answer.status === 404) say(MISSING, "warning");
      else if (!answer.ok) say(`The receipt could not be fetched (${answer.status}). Try again later.`, "warning");
      else await judge(code, new Uint8Array(await answer.arrayBuffer()), key);
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      say("The receipt could not be fetched. Try again later.", "warning");
    } finally {
      byId("check").disabled = false;
    }
  }

  // A page that was opened from a disk may read no file beside it but those that its reader chooses.
  function fromDisk(code, place, key) {
    const field = byId("file");
    field.value = "";
    field.onchange = async () => judge(code, new Uint8Array(await field.files[0].arrayBuffer()), key);
    byId("from-disk").hidden = false;
    say(`This page was opened from a disk. Choose the file ${place} beside it; where there is none: ${MISSING}`);
  }

  async function judge(code, sealed, key) {
    if (sealed.length === 0) {
      say(GONE, "warning");
      return;
    }
    let told, found, body;
    try {
      told = await opened(sealed, key);
      found = await Proof.check({ checkpoint: told.checkpoint, leaves: told.leaves, vkey: facts.vkey });
      const leaf = JSON.parse(told.leaves[0].leaf);
      body = JSON.parse(told.leaves[0].body);
      if (told.leaves.length !== 2 || leaf.kind !== "receipt" || body.code !== code) found.ok = false;
      if (body.decision !== told.leaves[1].index || body.decision >= told.leaves[0].index) found.ok = false;
    } catch (error) {
      say(CHANGED, "warning");
      return;
    }
    if (!found.ok) {
      say(found.signature === "broken" ? "Do not trust this receipt: the firm's gate has not signed it." :
        "Do not trust this receipt: it is not what the firm's log holds.", "warning");
      return;
    }
    show(body, told, found);
    if (found.signature === "holds") {
      if (service(body)) say("This call was not screened: the firm stated that it was no marketing. The receipt is in the firm's signed log.", "warning");
      else say("This call was screened. The receipt is in the firm's signed log.", "good");
    } else {
      say("The receipt is in the tree of the firm's log. The signature over it was not checked: this browser has no Ed25519. Use a newer one.", "warning");
    }
    byId("title").focus();
  }

  const service = (body) => body.reason === "service_call";

  function list(id, rows) {
    const items = rows.flatMap(([term, text]) => {
      const [name, value] = [document.createElement("dt"), document.createElement("dd")];
      name.textContent = term;
      value.textContent = text;
      return [name, value];
    });
    byId(id).replaceChildren(...items);
  }

  function day(text) {
    const [year, month, date] = text.slice(0, 10).split("-").map(Number);
    const weekday = days[new Date(Date.UTC(year, month - 1, date)).getUTCDay()];
    return `${weekday} ${date} ${months[month - 1]} ${year}`;
  }

  function when(hour) {
    const first = Number(hour.slice(11, 13));
    return `${day(hour)}, between ${first}:00 and ${first + 1}:00 (UK time)`;
  }

  function show(body, told, found) {
    const by = body.made_by;
    const name = by.legal_name === by.trading_name ? by.legal_name : `${by.trading_name} (${by.legal_name})`;
    const editions = body.registers.map(
      (each) => `${each.name.toUpperCase()}, the edition of ${each.as_of ? day(each.as_of) : "an unknown day"}`,
    );
    list("said", [
      ["Code", code10(body.code)],
      ["Called by", name],
      ["Showing the number", by.number],
      [service(body) ? "Decided" : "Screened", when(body.hour)],
      [service(body) ? "Looked up in" : "Against", editions.join("\n") || "no register"],
      ["Found", (body.found || [facts.grounds[body.reason] || body.reason]).join("\n")],
    ]);
    const object = body.object;
    byId("object").textContent = [
      "Say so in the call, or to:", name, object.address, object.freephone, object.email,
    ].filter(Boolean).join("\n");
    byId("checked").replaceChildren(...[
      "The words of this receipt are those that its leaf in the log commits to, and name this code.",
      `The receipt (leaf ${told.leaves[0].index}) and the decision to let the call through (leaf ${told.leaves[1].index}, made before it) are both in the log of ${found.size} leaves.`,
      found.signature === "holds" ? "The log is signed with the firm's key." : "The log's signature was not checked.",
    ].map((text) => {
      const item = document.createElement("li");
      item.textContent = text;
      return item;
    }));
    list("proof", [
      ["Log", found.origin],
      ["Root", found.root],
      ["Key", facts.vkey],
      ["Leaf", told.leaves[0].leaf],
      ...body.registers.map((each) => [`${each.name.toUpperCase()}, SHA-256`, each.sha256]),
    ]);
    byId("receipt").hidden = false;
  }

  const code10 = (code) => `${code.slice(0, 3)} ${code.slice(3, 6)} ${code.slice(6)}`;

  if (!window.isSecureContext || !crypto.subtle) {
    say("This browser cannot check here: the page must be reached by https.", "warning");
    return;
  }
  byId("form").addEventListener("submit", check);
  byId("code").disabled = false;
  byId("check").disabled = false;
  byId("code").value = decodeURIComponent(location.hash.slice(1));
  say("");
  byId("code").focus();
})();
