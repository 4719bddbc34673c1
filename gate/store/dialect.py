"""SQL as the store writes it, for PostgreSQL: one text for both engines, translated here and nowhere else.

The text is SQLite's. What both understand alike is preferred (ON CONFLICT, IS NOT DISTINCT FROM, FILTER, TRUE); what
they spell differently is one of the rules of ``translated``, or a function of PostgreSQL with SQLite's name
(``FUNCTIONS``): ``json_extract``, ``json_each``, ``instr``, ``max`` of two values. Tables and indexes come from the
same migrations (``gate.store.schema``): ``translated`` turns their types, and gives those
that are one log's alone (``OWN``) a column ``log``. In all others a leaf's key names its log
(``gate.core.evidence.leaf_key``).

Not translated, and so not to be written: a number as a condition (``WHERE 0``), a column that GROUP BY does not name,
text in the place of a number or the other way round (``CAST`` what ``json_extract`` gives), a value whose type nothing
tells (``? IS NULL``), IN with nothing in it, and ORDER BY a column that may be NULL without NULLS FIRST or NULLS LAST.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

Values = Mapping[str, Any] | Sequence[Any]

_PIECE: Final = re.compile(
    r"(?P<space>\s+|--[^\n]*)|(?P<text>'(?:[^']|'')*'|\"[^\"]*\")|(?P<given>\?\d*|(?<!:):[A-Za-z_]\w*)|(?P<word>[A-Za-z_]\w*)"
    r"|(?P<other>.)",
    re.DOTALL,
)
_TYPES: Final = {"INTEGER": "bigint", "REAL": "double precision", "BLOB": "bytea", "STRICT": "", "VIRTUAL": "STORED"}
"""A table of SQLite has whole numbers of 64 bits; its generated columns are made when they are read."""
_PLAIN_IS: Final = frozenset(("NULL", "TRUE", "FALSE", "DISTINCT"))
OWN: Final = ("leaves", "tiles", "checkpoints", "memory")
"""The tables of one gate's log alone: a session sees its own rows of them, by their place in that log."""
_LOG: Final = "log integer NOT NULL DEFAULT current_setting('dialgate.log')::integer"
_KEY: Final = re.compile(r"\b(leaf_index|tile|size) bigint PRIMARY KEY")
INSTEAD: Final = {
    # What may be longer than an entry of PostgreSQL's index can be (2,704 bytes): no such text may stop a call.
    "requests_stopping": "CREATE INDEX requests_stopping ON requests (asks) WHERE numbers IS NOT NULL AND fulfilled_on"
    " IS NULL AND withdrawn_on IS NULL AND (person_told_on IS NULL OR authority_told_on IS NULL)",
    "calls_sip": "CREATE INDEX calls_sip ON calls USING hash (sip_call_id)",
    "calls_answered": "CREATE INDEX calls_answered ON calls (answered_at) WHERE answered_at IS NOT NULL",
    "calls_unknown": "CREATE INDEX calls_unknown ON calls (at) WHERE verdict = 'allow' AND answered_at IS NULL",
}
"""Indexes that PostgreSQL has in another form."""

FUNCTIONS: Final = r"""
CREATE OR REPLACE FUNCTION _json(body text, path text) RETURNS json LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT replace(body, '\u0000', '\ufffe0')::json #> string_to_array(substr(path, 3), '.') $$;
CREATE OR REPLACE FUNCTION json_extract(body text, path text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT CASE json_typeof(found) WHEN 'boolean' THEN CASE found::text WHEN 'true' THEN '1' ELSE '0' END
    ELSE found #>> '{}' END FROM (SELECT dialgate._json(body, path) AS found) AS at $$;
CREATE OR REPLACE FUNCTION json_type(body text, path text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT CASE kind WHEN 'string' THEN 'text' ELSE kind END FROM json_typeof(dialgate._json(body, path)) AS kind $$;
CREATE OR REPLACE FUNCTION json_each(body text, path text) RETURNS TABLE (key text, value text) LANGUAGE sql IMMUTABLE
ROWS 10 AS $$ WITH at AS (SELECT dialgate._json(body, path) AS found)
    SELECT (place - 1)::text, each FROM at, json_array_elements_text(
    CASE json_typeof(found) WHEN 'array' THEN found ELSE '[]' END) WITH ORDINALITY AS list (each, place)
    UNION ALL SELECT object.key, object.value FROM at, json_each_text(
    CASE json_typeof(found) WHEN 'object' THEN found ELSE '{}' END) AS object $$;
CREATE OR REPLACE FUNCTION json_each(body text) RETURNS TABLE (key text, value text) LANGUAGE sql IMMUTABLE ROWS 10
AS $$ SELECT each.key, each.value FROM dialgate.json_each(body, '$') AS each $$;
CREATE OR REPLACE FUNCTION instr(whole text, part text) RETURNS integer LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT strpos(whole, part) $$;
CREATE OR REPLACE FUNCTION hex(bytes bytea) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT upper(encode(bytes, 'hex')) $$;
CREATE OR REPLACE FUNCTION max(one text, other text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT greatest(one, other) $$;
CREATE OR REPLACE FUNCTION min(one text, other text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT least(one, other) $$;
CREATE OR REPLACE FUNCTION min(one double precision, other double precision) RETURNS double precision LANGUAGE sql
IMMUTABLE STRICT AS $$ SELECT least(one, other) $$;
CREATE OR REPLACE FUNCTION date(day text, months text) RETURNS text LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT ((date_trunc('month', day::timestamp) + months::interval)::date + extract(day FROM day::date)::integer - 1
    )::text $$;
CREATE OR REPLACE FUNCTION julianday(at text) RETURNS double precision LANGUAGE sql IMMUTABLE STRICT
AS $$ SELECT (extract(epoch FROM at::timestamptz) / 86400 + 2440587.5)::double precision $$;
CREATE OR REPLACE FUNCTION _joined(before text, value text, glue text) RETURNS text LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN before IS NULL THEN value WHEN value IS NULL THEN before ELSE before || glue || value END $$;
CREATE OR REPLACE AGGREGATE group_concat(text, text) (SFUNC = _joined, STYPE = text);
CREATE OR REPLACE FUNCTION _counted(before bigint, holds boolean) RETURNS bigint LANGUAGE sql IMMUTABLE
AS $$ SELECT CASE WHEN holds IS NULL THEN before ELSE coalesce(before, 0) + holds::integer END $$;
CREATE OR REPLACE AGGREGATE sum(boolean) (SFUNC = _counted, STYPE = bigint);
"""
"""SQLite's, as far as the store asks for them. NULL goes in, NULL comes out; a boolean in JSON is 1 or 0."""


class Translated(NamedTuple):
    """A statement, and by which names its values are given; none where they are given in order."""

    sql: str
    names: tuple[str, ...]

    def values(self, given: Values) -> Sequence[Any]:
        """The values in the order in which the statement counts them ($1, $2, …)."""
        if isinstance(given, Mapping):
            return [given[name] for name in self.names]
        return given


@lru_cache(maxsize=2048)
def translated(sql: str) -> Translated:
    """A statement of the store for PostgreSQL."""
    words = [found for found in _PIECE.finditer(sql) if found.lastgroup != "space"]
    first = words[0].group().upper() if words else ""
    made: list[str] = []
    names: list[str] = []
    numbered = 0
    at = 0
    for index, found in enumerate(words):
        gap = " " if made and sql[words[index - 1].end() : found.start()] else ""
        piece, kind = found.group(), found.lastgroup
        if index < at:
            continue
        before = words[index - 1].group().upper() if index else ""
        if kind == "given":
            if piece == "?":
                numbered += 1
                piece = f"${numbered}"
            elif piece[0] == "?":
                piece = f"${piece[1:]}"
            else:
                if piece[1:] not in names:
                    names.append(piece[1:])
                piece = f"${names.index(piece[1:]) + 1}"
        elif kind == "word":
            following = [each.group().upper() for each in words[index + 1 : index + 3]]
            match piece.upper():
                case "INDEXED":  # INDEXED BY a name: PostgreSQL decides by itself
                    at = index + 3
                    continue
                case "CROSS" if following[:1] == ["JOIN"]:  # in this order: likewise
                    at = index + 1
                    continue
                case "WITHOUT" if following[:1] == ["ROWID"]:
                    at = index + 2
                    continue
                case "IS" if first == "COMMENT":
                    pass
                case "IS" if following[:1] == ["NOT"] and following[1] not in _PLAIN_IS:
                    piece, at = "IS DISTINCT FROM", index + 2
                case "IS" if following[0] != "NOT" and following[0] not in _PLAIN_IS:
                    piece = "IS NOT DISTINCT FROM"
                case "BEGIN":
                    at = len(words)  # BEGIN IMMEDIATE
                case "AS" if first in ("CREATE", "ALTER") and before == "NULL":
                    piece = "GENERATED ALWAYS AS"
                case word:
                    piece = _TYPES.get(word, piece)
        elif piece == "+" and before in ("(", ",", "BY"):  # by no index: likewise
            piece = ""
        elif piece == "," and words[index + 1].group().upper() == "WITHOUT":
            continue
        made.append(gap + piece)
    text = "".join(made)
    return Translated(_with_log(text) if first == "CREATE" else text, tuple(names))


def _with_log(sql: str) -> str:
    """A CREATE with what it has besides in PostgreSQL."""
    kind, name = sql.split("(")[0].split()[1:3]
    if kind != "TABLE":
        return INSTEAD.get(name, sql)
    if name == "memory":
        return sql.replace("(", f"({_LOG}, ", 1)
    return _KEY.sub(rf"{_LOG}, \1 bigint NOT NULL, PRIMARY KEY (log, \1)", sql) if name in OWN else sql


def statements(script: str) -> Iterator[str]:
    """The statements of a script, each ended by a semicolon at the end of a line."""
    return (each.strip().removesuffix(";") for each in script.split(";\n") if each.strip())
