from shop import prices


def report(baskets):
    return [prices.total_price(basket, tax=0) for basket in baskets]
