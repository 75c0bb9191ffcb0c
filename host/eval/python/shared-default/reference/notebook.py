class Notebook:
    def __init__(self, owner, notes=()):
        self.owner = owner
        self.notes = list(notes)

    def add(self, text, tags=()):
        found = {word[1:] for word in text.split() if word.startswith("#")}
        self.notes.append((text, found | set(tags)))

    def tagged(self, tag):
        return [text for text, tags in self.notes if tag in tags]
