"""Rows that wait for the next flush, written in one transaction each time."""

import sqlite3
from typing import TypeAlias

Row: TypeAlias = tuple[int | str | None, ...]


class Pending:
    """New rows and changes of rows, by statement. Changes may be of rows that are new themselves."""

    def __init__(self) -> None:
        self._inserts: dict[str, list[Row]] = {}
        self._updates: dict[str, list[Row]] = {}

    def insert(self, table: str, row: Row) -> None:
        rows = self._inserts.get(table)
        if rows is None:
            rows = self._inserts[table] = []
        rows.append(row)

    def update(self, statement: str, row: Row) -> None:
        self._updates.setdefault(statement, []).append(row)

    def replace(self, statement: str, row: Row) -> None:
        """Like `update`, for a change that makes an earlier one of the same statement pointless."""
        self._updates[statement] = [row]

    def drop(self) -> None:
        """Forgets everything."""
        self._inserts.clear()
        self._updates.clear()

    def write(self, database: sqlite3.Connection) -> None:
        """Writes all or nothing; what could not be written stays for the next time. Raises sqlite3.Error."""
        database.execute("BEGIN IMMEDIATE")
        try:
            for table, rows in self._inserts.items():
                places = ", ".join("?" * len(rows[0]))
                database.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
            for statement, rows in self._updates.items():
                database.executemany(statement, rows)
            database.execute("COMMIT")
        except sqlite3.Error:
            if database.in_transaction:
                database.execute("ROLLBACK")
            raise
        self.drop()
