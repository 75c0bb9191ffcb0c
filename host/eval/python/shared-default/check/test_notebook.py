import unittest

from notebook import Notebook


class Notes(unittest.TestCase):
    def test_nobody_shares(self):
        ada, alan = Notebook("ada"), Notebook("alan")
        ada.add("buy #milk")
        alan.add("read")
        self.assertEqual(ada.tagged("milk"), ["buy #milk"])
        self.assertEqual(alan.tagged("milk"), [])
        self.assertEqual(len(alan.notes), 1)

    def test_arguments_stay_as_they_are(self):
        start, tags = [("old", {"x"})], {"y"}
        book = Notebook("ada", start)
        book.add("new #z", tags)
        self.assertEqual((start, tags), ([("old", {"x"})], {"y"}))
        self.assertEqual((book.tagged("x"), book.tagged("y"), book.tagged("z")), (["old"], ["new #z"], ["new #z"]))
