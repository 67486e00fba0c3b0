"""Copies orders and their lines with as little as possible, and prints orders a second.

bare_copy.py DATABASE FOLDER SCHEMA: the rows are read into memory first. SQLite: executemany into a new file, with the
journal and the commit size that the program uses. Postgres: COPY into a staging table and one upsert a commit.
"""

import sqlite3
import sys
import time

ROWS_PER_COMMIT = 500
TABLES = ("orders", "order_items", "order_events")


def chunks(rows, size):
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def sqlite_copy(file, folder):
    source = sqlite3.connect(file)
    target = sqlite3.connect(f"{folder}/bare.db", isolation_level=None)
    target.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")
    statements = source.execute("SELECT sql FROM sqlite_master WHERE tbl_name IN (?, ?, ?) AND sql IS NOT NULL", TABLES)
    for (statement,) in statements.fetchall():
        target.execute(statement)
    by_order, inserts = [], []
    for table in TABLES:
        rows = source.execute(f"SELECT * FROM {table} ORDER BY shop, rowid").fetchall()
        by_order.append(rows)
        marks = ", ".join("?" * len(rows[0])) if rows else ""
        inserts.append(f"INSERT INTO {table} VALUES ({marks})")
    orders = len(by_order[0])
    begun = time.perf_counter()
    for start in range(0, orders, ROWS_PER_COMMIT):
        target.execute("BEGIN IMMEDIATE")
        for rows, insert in zip(by_order, inserts):
            # The lines of a share of the orders come with that share.
            share = slice(start * len(rows) // orders, min(start + ROWS_PER_COMMIT, orders) * len(rows) // orders)
            if rows[share]:
                target.executemany(insert, rows[share])
        target.execute("COMMIT")
    return orders / (time.perf_counter() - begun)


def postgres_copy(url, schema):
    try:
        import psycopg
    except ImportError:
        print("a bare copy on Postgres needs the Python package psycopg", file=sys.stderr)
        sys.exit(69)
    import io

    with psycopg.connect(url, autocommit=True, options=f"-c search_path={schema}") as connection:
        connection.execute("DROP SCHEMA IF EXISTS bare CASCADE")
        connection.execute("CREATE SCHEMA bare")
        texts, orders = [], 0
        for table in TABLES:
            connection.execute(f"CREATE TABLE bare.{table} (LIKE {table} INCLUDING ALL)")
            connection.execute(f"CREATE TEMP TABLE staging_{table} (LIKE {table})")
            with connection.cursor() as cursor, cursor.copy(f"COPY {table} TO STDOUT") as copy:
                texts.append(b"".join(bytes(part) for part in copy).splitlines(keepends=True))
        orders = len(texts[0])
        begun = time.perf_counter()
        for start in range(0, orders, ROWS_PER_COMMIT):
            with connection.transaction():
                for table, rows in zip(TABLES, texts):
                    share = slice(
                        start * len(rows) // orders, min(start + ROWS_PER_COMMIT, orders) * len(rows) // orders
                    )
                    with connection.cursor() as cursor:
                        with cursor.copy(f"COPY staging_{table} FROM STDIN") as copy:
                            copy.write(b"".join(rows[share]))
                        cursor.execute(
                            f"INSERT INTO bare.{table} SELECT * FROM staging_{table} ON CONFLICT DO NOTHING"
                        )
                        cursor.execute(f"TRUNCATE staging_{table}")
        seconds = time.perf_counter() - begun
        connection.execute("DROP SCHEMA bare CASCADE")
        return orders / seconds


def main():
    database, folder = sys.argv[1], sys.argv[2]
    if database.startswith("sqlite:"):
        print(sqlite_copy(database.removeprefix("sqlite:"), folder))
    else:
        print(postgres_copy(database, sys.argv[3]))


main()
