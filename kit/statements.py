"""The few statements that every page or every webhook runs: compiled once by SQLAlchemy, run by the driver.

SQLAlchemy's own way to a row costs 50 microseconds even for a statement that it has in its cache, the row itself 10;
a member's page needs three. Such a statement runs in the session's transaction when one has begun. When none has and
the request only reads, it runs on a plain connection, and the page pays for no session at all.
"""

from collections import namedtuple
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError

from kit.database import db, page_connection


class Prepared:
    """A statement over tables with named binds, for one row or (an INSERT of ``columns``) for the number of rows written.

    ``build`` answers the statement; it is called once a dialect. Types convert as always: instants go in and come out aware.
    """

    def __init__(self, build: Callable[[], Any], columns: tuple[str, ...] = ()) -> None:
        self._build, self._columns = build, columns
        self._ready: dict[str, Compiled] = {}

    def one(self, **values: Any) -> Any:
        """The row, with the columns' names, or None."""
        ready = self.compiled()
        cursor = ready.execute(page_connection, values)
        found = cursor.fetchone()
        cursor.close()
        return None if found is None else ready.row(found)

    def write(self, **values: Any) -> int:
        """Run it in the session's transaction; answers how many rows it wrote."""
        cursor = self.compiled().execute(_of_session, values)
        written = cursor.rowcount  # psycopg forgets it with the cursor
        cursor.close()
        return written

    def compiled(self) -> "Compiled":
        """As this application's database has it."""
        dialect = db.engine.dialect
        if dialect.name not in self._ready:
            self._ready[dialect.name] = Compiled(self._build(), self._columns, dialect)
        return self._ready[dialect.name]


class Compiled:
    """A statement as one dialect has it: SQL, what each bind and each column goes through, the class of its rows."""

    def __init__(self, statement: Any, columns: tuple[str, ...], dialect: Any, schemas: dict[str, str | None] | None = None) -> None:
        placed = {"schema_translate_map": schemas, "render_schema_translate": True} if schemas else {}
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) or None, **placed)
        if getattr(compiled, "insert_prefetch", ()):
            raise TypeError("a column with a default of its own must be given")
        self.sql, self.dialect, self.order = str(compiled), dialect, compiled.positiontup
        self.constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required and name not in columns}
        self.binding = _processors(compiled.binds.items(), lambda kind: kind.bind_processor(dialect))
        selected = [] if columns else list(statement.selected_columns)
        self.made = namedtuple("Found", [column.key for column in selected])
        self.reading = _processors(enumerate(selected), lambda kind: kind.result_processor(dialect, None))

    def parameters(self, values: dict[str, Any]) -> Any:
        """The binds in the form and order that the driver takes."""
        given = {**self.constants, **values}
        for name, process in self.binding.items():
            given[name] = process(given[name])
        return given if self.order is None else tuple([given[name] for name in self.order])

    def execute(self, connection: Callable[[], Any], values: dict[str, Any]) -> Any:
        """A cursor after the statement. Raises SQLAlchemy's exceptions, as everything else does."""
        try:
            cursor = connection().cursor()
            cursor.execute(self.sql, self.parameters(values))
        except self.dialect.loaded_dbapi.Error as error:
            raise DBAPIError.instance(self.sql, None, error, self.dialect.loaded_dbapi.Error, dialect=self.dialect) from error
        return cursor

    def row(self, found: Any) -> Any:
        """The driver's tuple as Python's values under their names."""
        values = list(found)
        for place, process in self.reading.items():
            values[place] = process(values[place])
        return self.made._make(values)


def _of_session() -> Any:
    return db.session.connection().connection


def _processors(typed: Any, of: Callable[[Any], Any]) -> dict[Any, Any]:
    """What there is to do for each bind or column; most need nothing. ``of`` asks a type, as this dialect has it."""
    found = {key: of(thing.type.dialect_impl(db.engine.dialect)) for key, thing in typed}
    return {key: process for key, process in found.items() if process is not None}
