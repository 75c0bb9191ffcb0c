from shop.prices import total_price

__all__ = ["total_price"]
