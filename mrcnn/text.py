"""Words for messages."""


def some(names, limit=8):
    """The first of many names and how many more there are, or "none"."""
    names = [str(name) for name in names]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "none") + more
