import unittest

from summary import summary


class Summary(unittest.TestCase):
    def test_the_log(self):
        with open("access.log") as log:
            found = summary(log)
        self.assertEqual(found, {
            "requests": 6, "unreadable": 1, "bytes": 11149, "errors": 2,
            "top": ["/index.html", "/report", "/login"],
        })

    def test_odd_lines(self):
        found = summary(["", "   ", "a b c d e f", "t a GET /x 200 1 more", "t a GET /x 200", "t a GET /x 200 5\n"])
        self.assertEqual(found, {"requests": 1, "unreadable": 3, "bytes": 5, "errors": 0, "top": ["/x"]})

    def test_nothing(self):
        self.assertEqual(summary([]), {"requests": 0, "unreadable": 0, "bytes": 0, "errors": 0, "top": []})
