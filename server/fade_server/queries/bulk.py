"""Many rows in one go, straight to the driver: what the trainers' batches are stored with."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import orjson
import psycopg
from sqlalchemy import JSON, BigInteger, Boolean, Double, Integer, LargeBinary, Table
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.types import TypeEngine

_WIRE: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (BigInteger, "int8"),
    (Integer, "int4"),
    (Double, "float8"),
    (Boolean, "bool"),
    (LargeBinary, "bytea"),
)
"""How PostgreSQL takes a column's values in binary, the narrower type first; everything else is
text, JSON too."""


def insert_columns(session: Session, table: Table, columns: Mapping[str, Sequence[Any]]) -> None:
    """Insert rows that are given as columns of the same length.

    PostgreSQL takes them by COPY, SQLite by one prepared statement. In binary neither a number nor
    a blob is written out as text and read again.

    Args:
        session: Open session.
        table: Where to insert.
        columns: Values by column, in the form of the driver; documents are encoded here.
    """
    connection = session.connection()
    quote = connection.dialect.identifier_preparer.quote
    names = ", ".join(map(quote, columns))
    rows = list(zip(*(_stored(table, *column) for column in columns.items()), strict=True))
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", rows)
        return
    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    statement = f"COPY {table.name} ({names}) FROM STDIN (FORMAT BINARY)"
    try:
        with driver.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.set_types([_wire_type(table.c[name].type) for name in columns])
            for row in rows:
                copy.write_row(row)
    except psycopg.OperationalError as error:
        raise OperationalError(statement, None, error) from error
    except psycopg.DataError as error:
        raise DataError(statement, None, error) from error


def _wire_type(column: TypeEngine[Any]) -> str:
    return next((name for kind, name in _WIRE if isinstance(column, kind)), "text")


def _stored(table: Table, name: str, values: Sequence[Any]) -> Sequence[Any]:
    if not isinstance(table.c[name].type, JSON):
        return values
    return [None if one is None else orjson.dumps(one).decode() for one in values]
