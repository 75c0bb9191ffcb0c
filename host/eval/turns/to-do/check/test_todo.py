import os
import tempfile
import unittest

from todo import Todo


class Todos(unittest.TestCase):
    def test_numbers(self):
        todo = Todo()
        self.assertEqual([todo.add("a"), todo.add("b")], [1, 2])
        todo.done(1)
        self.assertEqual(todo.open(), [(2, "b")])
        self.assertEqual(todo.add("c"), 3)
        with self.assertRaises(KeyError):
            todo.done(9)

    def test_priority(self):
        todo = Todo()
        todo.add("low")
        todo.add("high", priority=5)
        todo.add("also low")
        self.assertEqual(todo.open(), [(2, "high"), (1, "low"), (3, "also low")])

    def test_file(self):
        todo = Todo()
        todo.add("a")
        todo.add("é", priority=1)
        todo.add("c")
        todo.done(3)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "todo.json")
            todo.save(path)
            loaded = Todo.load(path)
        self.assertEqual(loaded.open(), [(2, "é"), (1, "a")])
        self.assertEqual(loaded.add("d"), 4)
