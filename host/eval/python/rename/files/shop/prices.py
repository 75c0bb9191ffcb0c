TAX = 20


def calc(x, tax=TAX):
    """The price of all in pence, with tax in percent. `calc` rounds down."""
    return sum(price * count for price, count in x) * (100 + tax) // 100
