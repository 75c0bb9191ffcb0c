"""The plugin `tables`, an example: a tool that reads, and one that writes and shows beforehand what."""

import csv
import hashlib
import io
import statistics

from garth import Change, Failed, Invalid, Output, Tools, locate, progress, tool  # the component exports Tools

COLUMN = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "filled": {"type": "integer"},
        "numeric": {"type": "boolean"},
    },
}
SUMMARY = {"type": "object", "properties": {"rows": {"type": "integer"}, "columns": {"type": "array", "items": COLUMN}}}


@tool(data=SUMMARY, path="A CSV file, its first line the names of the columns.")
def csv_summary(path: str):
    """Tells what is in a CSV file: the number of rows, and of each column how many values there are and what they are
    like. Use it before writing code that reads the file."""
    names, rows = _table(_read(path), path)
    lines, columns = [f"{len(rows)} rows, {len(names)} columns"], []
    for index, name in enumerate(names):
        progress(f"column {name}", index / len(names))
        values = [row[index] for row in rows if index < len(row) and row[index] != ""]
        numbers = _numbers(values)
        columns.append({"name": name, "filled": len(values), "numeric": numbers is not None})
        lines.append(f"{name}: {len(values)} values, {_describe(values, numbers)}")
    return Output("\n".join(lines), {"rows": len(rows), "columns": columns})


def _sorted(path: str, column: str, descending: bool = False):
    before = _read(path)
    names, rows = _table(before, path)
    if column not in names:
        raise Invalid(f"{path} has no column '{column}'; it has {', '.join(names)}")
    index = names.index(column)
    value = lambda row: row[index] if index < len(row) else ""
    numeric = _numbers([value(row) for row in rows if value(row) != ""]) is not None

    def key(row):
        filled = value(row) != ""
        return (not filled, float(value(row)) if numeric and filled else 0.0, value(row))

    after = io.StringIO()
    csv.writer(after, lineterminator="\n").writerows([names, *sorted(rows, key=key, reverse=descending)])
    return before, after.getvalue().encode()


def _preview_sort(path: str, column: str, descending: bool = False):
    before, after = _sorted(path, column, descending)
    return [Change(path, hashlib.sha256(before).hexdigest(), after)]


@tool(preview=_preview_sort, column="The name of the column to sort by.")
def csv_sort(path: str, column: str, descending: bool = False):
    """Sorts the rows of a CSV file by one column, as numbers where all of its values are numbers."""
    before, after = _sorted(path, column, descending)
    if before == after:
        return f"{path} is sorted by {column} already"
    with open(locate(path), "wb") as file:
        file.write(after)
    return f"{path} is sorted by {column}"


def _read(path):
    with open(locate(path), "rb") as file:
        return file.read(16 << 20)


def _table(content, path):
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
        rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error as error:
        raise Failed(f"{path} is no CSV file: {error}")
    if not rows:
        raise Failed(f"{path} is empty")
    return rows[0], [row for row in rows[1:] if row]


def _numbers(values):
    try:
        return [float(value) for value in values] or None
    except ValueError:
        return None


def _describe(values, numbers):
    if numbers:
        return f"{min(numbers):g} to {max(numbers):g}, median {statistics.median(numbers):g}"
    distinct = sorted(set(values))
    if len(distinct) <= 5:
        return ", ".join(distinct) or "none"
    return f"{len(distinct)} different, such as {distinct[0]}"
