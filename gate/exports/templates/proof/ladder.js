// The page of a call: each rung is checked against its leaf, and what is wrong is named.
(async () => {
  const at = (id) => document.getElementById(id);
  const CHECKED = { holds: "holds", changed: "CHANGED", missing: "NOT IN THIS LOG", stranger: "OF ANOTHER CALL", other: "NOT ITS LEAF" };

  function add(parent, name, text) {
    const made = document.createElement(name);
    made.textContent = text;
    parent.append(made);
    return made;
  }

  const faults = [];
  try {
    const given = JSON.parse(at("data").textContent);
    const found = await Proof.check(given.evidence);
    const leaves = new Map();
    const recordings = new Set();
    given.evidence.leaves.forEach((told, place) => {
      const leaf = JSON.parse(told.leaf);
      const body = told.body === undefined ? null : JSON.parse(told.body);
      const mine = leaf.subject === given.id || (body !== null && body.call_id === given.id);
      if (mine && leaf.kind === "recording_opened") recordings.add(leaf.subject);
      leaves.set(told.index, { leaf, told, body, mine, state: found.leaves[place] });
    });
    for (const [index, each] of leaves) {
      // A value that is left out cannot name its call: its recording may, by another leaf.
      if (each.state === "holds" && !each.mine && (each.body !== null || !recordings.has(each.leaf.subject))) {
        if (each.body !== null) each.state = "stranger";
        else each.unbound = true;
      }
      const row = at("leaves").insertRow();
      add(row, "td", String(index));
      const cell = add(row, "td", each.told.leaf);
      cell.className = "leaf";
      add(cell, "div", each.told.body === undefined ? "value left out or erased" : each.told.body);
      if (each.state === "changed") faults.push(`Leaf ${index} was changed.`);
      if (each.state === "missing") faults.push(`Leaf ${index} is not in this log.`);
      if (each.state === "stranger") faults.push(`Leaf ${index} is of another call.`);
    }
    const rows = at("rungs").rows;
    if (rows.length !== given.rungs.length) faults.push("There are more steps, or fewer, than were checked.");
    given.rungs.forEach((rung, place) => {
      const each = leaves.get(rung.leaf_index);
      const fits = each && each.leaf.kind === rung.kind && each.leaf.at === rung.at && each.leaf.actor === rung.actor;
      const state = fits ? each.state : "other";
      if (!fits) faults.push(`Step ${place + 1} is not what its leaf ${rung.leaf_index} says.`);
      const cell = rows[place].cells[3];
      const known = state === "holds" && each.body === null ? "holds; its value is left out" : CHECKED[state];
      cell.textContent = state === "holds" && each.unbound ? `${known}, and its call with it` : known;
      cell.className = state === "holds" ? "" : "warning";
    });
    if (found.signature === "broken") faults.push("The log is not signed with the key above.");
    if (at("key").textContent !== given.evidence.vkey) faults.push("The key above is not the one that was checked.");
    if (!faults.length) {
      const rest = found.signature === "unchecked" ? " This browser cannot check the signature: open it in a newer one." : "";
      at("verdict").textContent = `All ${leaves.size} leaves are in the log, as it was signed (${found.size} leaves).${rest}`;
      if (rest) at("verdict").className = "first warning";
    }
  } catch (error) {
    faults.push(`This page was damaged: ${error.message}`);
  }
  if (faults.length) {
    at("verdict").textContent = "This does NOT hold:";
    at("verdict").className = "first warning";
    faults.forEach((fault) => add(at("faults"), "li", fault));
  }
})();
