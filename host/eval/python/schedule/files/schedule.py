def order(tasks):
    return sorted(tasks)
