import unittest

from pages import page


class Pages(unittest.TestCase):
    def test_first(self):
        self.assertEqual(page(list("abcdefg"), 1, 3), (["a", "b", "c"], 3))

    def test_last(self):
        self.assertEqual(page(list("abcdefg"), 3, 3), (["g"], 3))

    def test_full(self):
        self.assertEqual(page([1, 2, 3, 4], 2, 2), ([3, 4], 2))

    def test_beyond(self):
        self.assertEqual(page([1], 5, 2), ([], 1))

    def test_nothing(self):
        self.assertEqual(page([], 1, 10), ([], 0))
