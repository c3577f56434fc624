"""Find recipients that were swapped or renamed since last month, or that now have another's folder."""

from __future__ import annotations

from rolling_errors import listed, quoted
from rolling_file import file_name
from rolling_forged import read
from rolling_manifest import entries, manifest_place
from rolling_publication import Plan
from rolling_result import Result
from rolling_store import Store


def changed(result: Result, store: Store, made: Plan) -> str:
    """Return a sentence about recipients that differ from those of the published month before, or "".

    The name of a recipient determines its file and its folder. The manifest also has the key of the
    recipient's row, so that a new name of the same row is found.
    """
    before = made.period.shift(-1)
    resolved, keys = result.resolved, result.facts.recipient_keys
    if store.version(manifest_place(before)) is None:
        return ""
    last = [entry for entry in entries(read(store, manifest_place(before))).values() if "recipient" in entry]
    key_of = {str(entry["recipient"]): entry.get("recipient_key") for entry in last}
    name_of = {key: name for name, key in key_of.items() if key is not None}
    folder_of = {file_name(name).casefold(): name for name in key_of}
    others, found = [], []
    for name in sorted({file.recipient for file in made.files}):
        key = keys.get(name)
        was = folder_of.get(file_name(name).casefold(), name)
        if name in key_of:
            if key is not None and key_of[name] not in (None, key):
                others.append(quoted(name))
        elif key in name_of:
            found.append(f"{quoted(name)} was called {quoted(name_of[key])} in {before}")
        elif was != name:
            found.append(f"{quoted(name)} has the folder that {quoted(was)} had in {before}")
    if others:
        table = resolved.table(resolved.recipient.alias)
        are = "is a different row" if len(others) == 1 else "are different rows"
        found.insert(0, f'{listed(others)} {are} of {table.schema}."{table.table}" than in {before}')
    return listed(found)
