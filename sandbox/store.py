"""Every object the sandbox knows, by kind and id; written to a SQLite file when one is named.

Objects are plain dicts as Stripe's API shows them, unexpanded. Keys that start
with an underscore are the sandbox's own notes and never leave it.
"""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

Object = dict


class Store:
    def __init__(self, file: str | Path | None = None):
        self._objects: dict[str, dict[str, Object]] = defaultdict(dict)
        self._kind_of: dict[str, str] = {}
        self._touched: dict[str, None] = {}
        self._written: dict[str, str] = {}
        self._file = self._open(file) if file else None

    def put(self, obj: Object) -> Object:
        self._objects[obj["object"]][obj["id"]] = obj
        self._kind_of[obj["id"]] = obj["object"]
        self._touched[obj["id"]] = None
        return obj

    def find(self, id_: str) -> Object | None:
        """The object of that id, of whatever kind."""
        kind = self._kind_of.get(id_)
        return self.get(kind, id_) if kind else None

    def get(self, kind: str, id_: str) -> Object | None:
        obj = self._objects[kind].get(id_)
        if obj is not None:
            self._touched[id_] = None
        return obj

    def all(self, kind: str) -> Iterator[Object]:
        """Oldest first. A row changed on the way is put back with `put` (World.changing does)."""
        return iter(list(self._objects[kind].values()))

    def drop(self, obj: Object) -> None:
        self._objects[obj["object"]].pop(obj["id"], None)
        self._kind_of.pop(obj["id"], None)
        self._touched[obj["id"]] = None

    def clear(self) -> None:
        self._objects.clear()
        self._kind_of.clear()
        if self._file:
            with self._file:
                self._file.execute("DELETE FROM objects")
        self._written.clear()
        self._touched.clear()

    def flush(self) -> None:
        """Write what changed since the last flush, in one transaction."""
        if self._file:
            changed = [(id_, self._text(id_)) for id_ in self._touched]
            changed = [(i, text) for i, text in changed if text != self._written.get(i)]
            if changed:
                with self._file:
                    for id_, text in changed:
                        self._write(id_, text)
        self._touched.clear()

    def _text(self, id_: str) -> str | None:
        kind = self._kind_of.get(id_)
        return json.dumps(self._objects[kind][id_]) if kind else None

    def _write(self, id_: str, text: str | None) -> None:
        assert self._file is not None
        if text is None:
            self._file.execute("DELETE FROM objects WHERE id = ?", (id_,))
            self._written.pop(id_, None)
            return
        # An upsert keeps the row's rowid: objects come back in the order they were made.
        self._file.execute(
            "INSERT INTO objects (id, body) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET body = excluded.body",
            (id_, text),
        )
        self._written[id_] = text

    def _open(self, file: str | Path) -> sqlite3.Connection:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(file, check_same_thread=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE IF NOT EXISTS objects (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)")
        for id_, text in connection.execute("SELECT id, body FROM objects ORDER BY seq"):
            obj = json.loads(text)
            self._objects[obj["object"]][id_] = obj
            self._kind_of[id_] = obj["object"]
            self._written[id_] = text
        return connection

    def close(self) -> None:
        self.flush()
        if self._file:
            self._file.close()
