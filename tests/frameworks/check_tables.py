#!/usr/bin/env python3
"""Holds the tables of Python globals to their form: check_tables.py DATA_FOLDER. Prints each broken line."""
import pathlib
import sys

SEVERITIES = {"warning", "critical"}


def read(path, columns):
    lines = path.read_bytes().split(b"\n")
    problems = [] if lines[-1] == b"" else [f"{path.name}: no newline at the end"]
    rows = []
    for number, line in enumerate(lines[:-1], 1):
        fields = line.decode("utf-8").split("\t")
        if len(fields) != len(columns) or any(not field or field != field.strip() for field in fields):
            problems.append(f"{path.name}:{number}: not {len(columns)} filled columns")
        elif number == 1 and fields != columns:
            problems.append(f"{path.name}:1: columns are not {' '.join(columns)}")
        elif number > 1:
            rows.append(fields)
    keys = [(row[0].encode(), row[1].encode()) for row in rows]
    problems += [f"{path.name}: out of order or twice: {b.decode()} {a.decode()}" for previous, (b, a) in zip(keys, keys[1:]) if previous >= (b, a)]
    return rows, problems


def main():
    data = pathlib.Path(sys.argv[1])
    safe, problems = read(data / "safe_globals.tsv", ["module", "name", "framework"])
    dangerous, more = read(data / "dangerous_globals.tsv", ["module", "name", "severity", "why"])
    problems += more
    dangerous_names = {(row[0], row[1]) for row in dangerous}
    safe_names = {(row[0], row[1]) for row in safe}
    problems += [f"in both tables: {module} {name}" for module, name in sorted(safe_names & dangerous_names)]
    problems += [f"safe rows are exact names: {module} {name}" for module, name in sorted(safe_names) if "*" in (module, name)]
    problems += [f"severity of {row[0]} {row[1]}: {row[2]}" for row in dangerous if row[2] not in SEVERITIES]
    # `Class.__init__` says that only the constructor harms; without the class in the safe table the row says nothing.
    problems += [f"constructor row without a safe class: {module} {name}" for module, name in sorted(dangerous_names)
                 if name.endswith(".__init__") and (module, name[:-len(".__init__")]) not in safe_names]
    if not safe or not dangerous:
        problems.append("a table is empty")
    print("\n".join(problems) if problems else f"{len(safe)} safe and {len(dangerous)} dangerous names in order")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
