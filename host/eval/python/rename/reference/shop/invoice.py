from shop.prices import total_price


def invoice(name, basket):
    return f"{name}: {total_price(items=basket)} p"
