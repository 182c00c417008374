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

# By which fields objects are looked for often enough to keep an index.
FIELDS = frozenset({"customer", "subscription", "invoice", "charge", "payment_intent", "price", "product", "source"})


def value_of(obj: Object, field: str) -> object:
    """What the object names there; an invoice's subscription is further inside."""
    if field == "subscription" and obj["object"] == "invoice":
        return ((obj["parent"] or {}).get("subscription_details") or {}).get("subscription")
    return obj.get(field)


class Index:
    """Objects by kind, field and value, brought up to date before each look."""

    def __init__(self, store: "Store"):
        self._store = store
        self._touched: dict[str, None] | None = None  # nobody asked yet
        self._found: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
        self._keys: dict[str, list[tuple[str, str, str]]] = {}
        self._age: dict[str, int] = {}

    def find(self, kind: str, field: str, value: object) -> list[Object]:
        if self._touched is None:
            self._touched = self._store.watch()
        for id_ in self._touched:
            self._enter(id_)
        self._touched.clear()
        ids = sorted(self._found.get((kind, field, str(value)), ()), key=self._age.__getitem__)
        found = [self._store.get(kind, id_) for id_ in ids]
        return [obj for obj in found if obj is not None]

    def _enter(self, id_: str) -> None:
        for key in self._keys.pop(id_, ()):
            self._found[key].pop(id_, None)
        obj = self._store.peek(id_)
        if obj is None:
            return
        self._age.setdefault(id_, len(self._age))
        named = [(obj["object"], field, value_of(obj, field)) for field in FIELDS]
        self._keys[id_] = keys = [(kind, field, value) for kind, field, value in named if isinstance(value, str)]
        for key in keys:
            self._found[key][id_] = None


class Store:
    def __init__(self, file: str | Path | None = None):
        self._objects: dict[str, dict[str, Object]] = defaultdict(dict)
        self._kind_of: dict[str, str] = {}
        self._touched: dict[str, None] = {}
        self._watchers: list[dict[str, None]] = [self._touched]
        self._index = Index(self)
        self._written: dict[str, str] = {}
        self._file = self._open(file) if file else None

    def put(self, obj: Object) -> Object:
        self._objects[obj["object"]][obj["id"]] = obj
        self._kind_of[obj["id"]] = obj["object"]
        self.touch(obj["id"])
        return obj

    def touch(self, id_: str) -> None:
        """Whoever was handed an object may change it."""
        for watcher in self._watchers:
            watcher[id_] = None

    def watch(self) -> dict[str, None]:
        """A dict that collects the ids of objects touched from now on; its owner empties it."""
        watcher = dict.fromkeys(self._kind_of)
        self._watchers.append(watcher)
        return watcher

    def peek(self, id_: str) -> Object | None:
        """The object, to be looked at only."""
        return self._objects[self._kind_of[id_]].get(id_) if id_ in self._kind_of else None

    def find(self, id_: str) -> Object | None:
        """The object of that id, of whatever kind."""
        kind = self._kind_of.get(id_)
        return self.get(kind, id_) if kind else None

    def get(self, kind: str, id_: str) -> Object | None:
        obj = self._objects[kind].get(id_)
        if obj is not None:
            self.touch(id_)
        return obj

    def all(self, kind: str) -> Iterator[Object]:
        """Oldest first. A row changed on the way is put back with `put` (World.changing does)."""
        return iter(list(self._objects[kind].values()))

    def where(self, kind: str, field: str, value: object) -> list[Object]:
        """Those of a kind that name `value` in a field of FIELDS, oldest first."""
        return self._index.find(kind, field, value)

    def drop(self, obj: Object) -> None:
        self._objects[obj["object"]].pop(obj["id"], None)
        self._kind_of.pop(obj["id"], None)
        self.touch(obj["id"])

    def clear(self) -> None:
        self._objects.clear()
        self._kind_of.clear()
        if self._file:
            with self._file:
                self._file.execute("DELETE FROM objects")
        self._written.clear()
        del self._watchers[1:]
        self._touched.clear()
        self._index = Index(self)

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
