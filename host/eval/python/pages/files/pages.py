def page(items, number, size):
    """The items of page `number`, counted from 1, and how many pages there are."""
    start = number * size
    pages = len(items) // size
    return items[start:start + size - 1], pages
