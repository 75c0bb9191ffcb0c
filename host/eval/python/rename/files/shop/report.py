from shop import prices


def report(baskets):
    return [prices.calc(basket, tax=0) for basket in baskets]
