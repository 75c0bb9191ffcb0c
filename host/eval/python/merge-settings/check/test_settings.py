import unittest

from settings import merge


class Merge(unittest.TestCase):
    def test_nested(self):
        base = {"a": 1, "b": {"c": 2, "d": {"e": 3}}}
        over = {"b": {"d": {"f": 4}}, "g": 5}
        self.assertEqual(merge(base, over), {"a": 1, "b": {"c": 2, "d": {"e": 3, "f": 4}}, "g": 5})

    def test_over_wins(self):
        self.assertEqual(merge({"a": {"b": 1}}, {"a": 2}), {"a": 2})
        self.assertEqual(merge({"a": 2}, {"a": {"b": 1}}), {"a": {"b": 1}})
        self.assertEqual(merge({"a": [1]}, {"a": [2]}), {"a": [2]})

    def test_none_takes_out(self):
        self.assertEqual(merge({"a": 1, "b": {"c": 1, "d": 2}}, {"a": None, "b": {"c": None}}), {"b": {"d": 2}})
        self.assertEqual(merge({}, {"a": None}), {})

    def test_nothing_is_shared(self):
        base, over = {"a": {"b": [1]}}, {"c": {"d": [2]}}
        merged = merge(base, over)
        merged["a"]["b"].append(9)
        merged["c"]["d"].append(9)
        self.assertEqual((base, over), ({"a": {"b": [1]}}, {"c": {"d": [2]}}))
