from collections import Counter


def summary(lines):
    """What a log says in numbers."""
    found = {"requests": 0, "unreadable": 0, "bytes": 0, "errors": 0}
    paths = Counter()
    for line in lines:
        if not line.strip():
            continue
        try:
            _, _, _, path, status, size = line.split()
            status, size = int(status), 0 if size == "-" else int(size)
        except ValueError:
            found["unreadable"] += 1
            continue
        found["requests"] += 1
        found["bytes"] += size
        found["errors"] += status >= 500
        paths[path] += 1
    ranked = sorted(paths, key=lambda path: (-paths[path], path))
    return {**found, "top": ranked[:3]}
