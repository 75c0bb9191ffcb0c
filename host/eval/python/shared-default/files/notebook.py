class Notebook:
    def __init__(self, owner, notes=[]):
        self.owner = owner
        self.notes = notes

    def add(self, text, tags=set()):
        tags |= {word[1:] for word in text.split() if word.startswith("#")}
        self.notes.append((text, tags))

    def tagged(self, tag):
        return [text for text, tags in self.notes if tag in tags]
