class Todo:
    """Things to do, by number."""

    def __init__(self):
        self.entries = []

    def add(self, text):
        self.entries.append({"text": text, "done": False})
        return len(self.entries)

    def done(self, number):
        if not 1 <= number <= len(self.entries):
            raise KeyError(number)
        self.entries[number - 1]["done"] = True

    def open(self):
        return [(number, entry["text"]) for number, entry in enumerate(self.entries, 1) if not entry["done"]]
