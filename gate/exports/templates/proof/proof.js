"use strict";
// Checks that leaves are in a log whose checkpoint is signed (RFC 9162, C2SP tlog-checkpoint and signed-note).
const Proof = (() => {
  const utf8 = (text) => new TextEncoder().encode(text);
  const hex = (bytes) => [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");

  function fromHex(text) {
    if (typeof text !== "string" || !/^([0-9a-f]{2})*$/.test(text)) throw new Error("not hexadecimal");
    return Uint8Array.from(text.match(/../g) || [], (pair) => parseInt(pair, 16));
  }

  function fromBase64(text) {
    if (typeof text !== "string" || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) throw new Error("not base64");
    return Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
  }

  async function sha256(...parts) {
    const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let place = 0;
    for (const part of parts) {
      whole.set(part, place);
      place += part.length;
    }
    return new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  }

  const same = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);
  const leafHash = (leaf) => sha256(Uint8Array.of(0), utf8(leaf));
  const nodeHash = (left, right) => sha256(Uint8Array.of(1), left, right);
  const half = (number) => Math.floor(number / 2);

  // RFC 9162 section 2.1.3.2. No bit operations: a log may have more leaves than they can count.
  async function included(hash, index, size, path, root) {
    if (!Number.isSafeInteger(index) || index < 0 || index >= size || path.length > 64) return false;
    let [position, last, digest] = [index, size - 1, hash];
    for (const sibling of path) {
      if (sibling.length !== 32 || last === 0) return false;
      if (position % 2 === 1 || position === last) {
        digest = await nodeHash(sibling, digest);
        while (position % 2 === 0 && position > 0) [position, last] = [half(position), half(last)];
      } else {
        digest = await nodeHash(digest, sibling);
      }
      [position, last] = [half(position), half(last)];
    }
    return last === 0 && same(digest, root);
  }

  function checkpointOf(note) {
    const gap = note.indexOf("\n\n");
    const text = note.slice(0, gap + 1);
    const lines = text.split("\n");
    if (gap < 0 || lines.length !== 4 || !lines[0] || !/^(0|[1-9][0-9]{0,15})$/.test(lines[1])) {
      throw new Error("not a checkpoint");
    }
    const root = fromBase64(lines[2]);
    const size = Number(lines[1]);
    if (root.length !== 32 || !Number.isSafeInteger(size)) throw new Error("not a checkpoint");
    return { text, origin: lines[0], size, root, signatures: note.slice(gap + 2) };
  }

  // "holds", "broken", or "unchecked" where the browser has no Ed25519.
  async function signature(checkpoint, vkey) {
    const [, name, id, encoded] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey) || [];
    const key = fromBase64(encoded);
    if (key.length !== 33 || key[0] !== 1) throw new Error("not an Ed25519 key");
    const wanted = (await sha256(utf8(`${name}\n`), key)).slice(0, 4);
    if (hex(wanted) !== id || checkpoint.origin !== name) return "broken";
    const signed = [];
    for (const line of checkpoint.signatures.split("\n").slice(0, -1)) {
      const [dash, signer, value] = line.split(" ");
      const bytes = dash === "\u2014" && signer === name && value ? fromBase64(value) : new Uint8Array();
      if (bytes.length === 68 && same(bytes.slice(0, 4), wanted)) signed.push(bytes.slice(4));
    }
    if (!signed.length) return "broken";
    let opened;
    try {
      opened = await crypto.subtle.importKey("raw", key.slice(1), { name: "Ed25519" }, false, ["verify"]);
    } catch (error) {
      if (error.name !== "NotSupportedError" && error.name !== "SyntaxError") throw error;
      return "unchecked";
    }
    for (const each of signed) {
      if (!(await crypto.subtle.verify({ name: "Ed25519" }, opened, each, utf8(checkpoint.text)))) return "broken";
    }
    return "holds";
  }

  // A leaf that is shown: {index, proof, leaf, salt, body}; one whose body was erased: {index, proof, leaf}; one of
  // which no more than its hash is told: {index, proof, hash}.
  async function leafHolds(told, checkpoint) {
    const path = told.proof.map(fromBase64);
    let hash;
    if (typeof told.leaf === "string") {
      hash = await leafHash(told.leaf);
      if (told.hash !== undefined && told.hash !== hex(hash)) return "changed";
      if (told.body !== undefined) {
        const commit = hex(await sha256(fromHex(told.salt), utf8(told.body)));
        if (JSON.parse(told.leaf).commit !== commit) return "changed";
      }
    } else {
      hash = fromHex(told.hash);
      if (hash.length !== 32) return "changed";
    }
    return (await included(hash, told.index, checkpoint.size, path, checkpoint.root)) ? "holds" : "missing";
  }

  // {checkpoint: note, vkey, leaves} -> {origin, size, root, signature, leaves: ["holds" | "changed" | "missing"], ok}.
  // Whatever is not well formed throws. `ok` with signature "unchecked" shows the tree alone.
  async function check(evidence) {
    const checkpoint = checkpointOf(evidence.checkpoint);
    const leaves = [];
    for (const told of evidence.leaves) leaves.push(await leafHolds(told, checkpoint));
    const signed = await signature(checkpoint, evidence.vkey);
    const ok = signed !== "broken" && leaves.length > 0 && leaves.every((each) => each === "holds");
    return { origin: checkpoint.origin, size: checkpoint.size, root: hex(checkpoint.root), signature: signed, leaves, ok };
  }

  return { check };
})();
