from shop.prices import calc


def invoice(name, basket):
    return f"{name}: {calc(x=basket)} p"
