TAX = 20


def total_price(items, tax=TAX):
    """The price of all in pence, with tax in percent. `total_price` rounds down."""
    return sum(price * count for price, count in items) * (100 + tax) // 100
