def merge(base, over):
    raise NotImplementedError
