import inspect
import pathlib
import re
import unittest

import shop
from shop.invoice import invoice
from shop.report import report


class Renamed(unittest.TestCase):
    def test_works(self):
        self.assertEqual(shop.total_price(items=[(100, 2)]), 240)
        self.assertEqual(invoice("Ada", [(50, 1)]), "Ada: 60 p")
        self.assertEqual(report([[(50, 1)], [(1, 3)]]), [50, 3])
        self.assertEqual(list(inspect.signature(shop.total_price).parameters), ["items", "tax"])

    def test_old_name_is_gone(self):
        for file in pathlib.Path("shop").glob("**/*.py"):
            self.assertIsNone(re.search(r"\bcalc\b", file.read_text()), str(file))
