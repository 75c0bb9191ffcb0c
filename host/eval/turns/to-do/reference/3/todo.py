import json


class Todo:
    """Things to do, by number."""

    def __init__(self):
        self.entries = []

    def add(self, text, priority=0):
        self.entries.append({"text": text, "priority": priority, "done": False})
        return len(self.entries)

    def done(self, number):
        if not 1 <= number <= len(self.entries):
            raise KeyError(number)
        self.entries[number - 1]["done"] = True

    def open(self):
        left = [(number, entry) for number, entry in enumerate(self.entries, 1) if not entry["done"]]
        left.sort(key=lambda pair: (-pair[1]["priority"], pair[0]))
        return [(number, entry["text"]) for number, entry in left]

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            json.dump(self.entries, file)

    @classmethod
    def load(cls, path):
        todo = cls()
        with open(path, encoding="utf-8") as file:
            todo.entries = json.load(file)
        return todo
