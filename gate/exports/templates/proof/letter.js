// The page of a letter: every entry is checked, and what is wrong is named.
(async () => {
  const at = (id) => document.getElementById(id);
  const WORDS = {
    request_opened: "your request came",
    request_searched: "what we hold was searched for",
    request_granted: "your request was granted",
    request_refused: "your request was refused",
    request_pack_made: "the encrypted file was made",
    request_carried: "the erasure was carried out",
    request_rectified: "what was wrong was put right",
    recording_erased: "a recording was erased",
    letter_made: "a letter was made",
  };
  const CHECKED = { holds: "holds", changed: "CHANGED", missing: "NOT IN THIS LOG", stranger: "OF ANOTHER REQUEST" };

  function add(parent, name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  function london(stamp) {
    const form = { dateStyle: "long", timeStyle: "short", timeZone: "Europe/London" };
    return new Intl.DateTimeFormat("en-GB", form).format(new Date(stamp.replace(/(\.\d{3})\d*Z$/, "$1Z")));
  }

  function counts(kind, body) {
    if (kind === "request_searched") return `: ${body.found} calls, ${body.entries || 0} entries of lists`;
    if (kind === "request_pack_made") return `: ${body.calls} calls, ${body.recordings} recordings`;
    if (kind === "request_carried") return `: ${body.calls} calls, ${body.recordings} recordings`;
    if (kind === "letter_made") return ` (${body.kind})`;
    return "";
  }

  // Whose an entry is: the request's own by its subject, a recording's by the basis on which it was erased.
  function mine(leaf, body, given) {
    if (leaf.kind === "recording_erased") return Boolean(body) && body.basis === `request ${given.reference}`;
    if (!(leaf.kind in WORDS) || leaf.subject !== given.id) return false;
    return leaf.kind !== "request_opened" || (Boolean(body) && body.reference === given.reference);
  }

  const digests = new Map();
  function remember(kind, body, when) {
    if (kind === "request_pack_made") digests.set(body.sha256, `the encrypted file of ${when}`);
    if (kind !== "letter_made") return;
    for (const name of ["sha256", "text_sha256", "html_sha256"]) {
      if (body[name]) digests.set(body[name], `the letter (${body.kind}) of ${when}`);
    }
  }

  async function chosen() {
    const [file] = at("file").files;
    if (!file) return;
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    const hex = [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    const known = digests.get(hex);
    at("file-verdict").textContent = known
      ? `This is ${known}, as our log has it.`
      : "This file is NOT one that our log speaks of: it was changed, or it is another one.";
    at("file-verdict").className = known ? "" : "warning";
  }

  const faults = [];
  try {
    const given = JSON.parse(at("data").textContent);
    const found = await Proof.check(given.evidence);
    let opened = 0;
    given.evidence.leaves.forEach((told, place) => {
      const leaf = JSON.parse(told.leaf);
      const body = told.body === undefined ? null : JSON.parse(told.body);
      let state = found.leaves[place];
      if (state === "holds" && !mine(leaf, body, given)) state = "stranger";
      opened += state === "holds" && leaf.kind === "request_opened" ? 1 : 0;
      const when = london(leaf.at);
      const row = at("entries").insertRow();
      add(row, "td", String(told.index));
      add(row, "td", when);
      add(row, "td", (WORDS[leaf.kind] || leaf.kind) + (body ? counts(leaf.kind, body) : ""));
      add(row, "td", CHECKED[state]).className = state === "holds" ? "" : "warning";
      if (state === "holds" && body) remember(leaf.kind, body, when);
      if (state === "changed") faults.push(`Entry ${told.index} was changed.`);
      if (state === "missing") faults.push(`Entry ${told.index} is not in this log.`);
      if (state === "stranger") faults.push(`Entry ${told.index} is of another request.`);
    });
    if (found.signature === "broken") faults.push("The log is not signed with the key above.");
    if (opened !== 1) faults.push("The entry of your request itself is not here.");
    if (at("key").textContent !== given.evidence.vkey) faults.push("The key above is not the one that was checked.");
    if (!faults.length) {
      const rest = found.signature === "unchecked" ? " This browser cannot check the signature: open it in a newer one." : "";
      at("verdict").textContent = `All ${given.evidence.leaves.length} entries are in the log, as it was signed.${rest}`;
      if (rest) at("verdict").className = "first warning";
    }
    at("file").addEventListener("change", chosen);
    at("file").disabled = false;
  } catch (error) {
    faults.push(`This page was damaged: ${error.message}`);
  }
  if (faults.length) {
    at("verdict").textContent = "This does NOT hold:";
    at("verdict").className = "first warning";
    faults.forEach((fault) => add(at("faults"), "li", fault));
  }
})();
