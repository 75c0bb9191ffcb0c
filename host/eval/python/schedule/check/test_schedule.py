import unittest

from schedule import order


class Order(unittest.TestCase):
    def test_order(self):
        self.assertEqual(order({}), [])
        self.assertEqual(order({"b": [], "a": []}), ["a", "b"])
        self.assertEqual(order({"a": ["b"], "b": ["c"]}), ["c", "b", "a"])
        self.assertEqual(order({"d": ["b", "c"], "c": ["a"], "b": ["a"]}), ["a", "b", "c", "d"])
        self.assertEqual(order({"a": ["z"], "b": []}), ["b", "z", "a"])

    def test_circle(self):
        with self.assertRaises(ValueError) as caught:
            order({"x": ["y"], "y": ["x"], "free": []})
        self.assertIn("x", str(caught.exception))
        self.assertIn("y", str(caught.exception))
        self.assertNotIn("free", str(caught.exception))
        with self.assertRaises(ValueError):
            order({"self": ["self"]})
