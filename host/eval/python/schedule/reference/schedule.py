import heapq


def order(tasks):
    """All names, each after those that must come before it."""
    waiting = {name: set(before) for name, before in tasks.items()}
    for before in tasks.values():
        for name in before:
            waiting.setdefault(name, set())
    ready = [name for name, before in waiting.items() if not before]
    heapq.heapify(ready)
    done = []
    while ready:
        name = heapq.heappop(ready)
        done.append(name)
        for other, before in waiting.items():
            if name in before:
                before.remove(name)
                if not before:
                    heapq.heappush(ready, other)
    left = sorted(name for name, before in waiting.items() if before)
    if left:
        raise ValueError("these wait for each other: " + ", ".join(left))
    return done
