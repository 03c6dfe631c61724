"""Words for messages and for the screen."""


def some(names, limit=8):
    """The first `limit` of many names and how many more there are, or "none"."""
    names = [str(name) for name in names]
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return (", ".join(names[:limit]) or "none") + more


def log(text, array=None):
    """Print a text and, of an array, its shape, least and greatest value and dtype."""
    if array is not None:
        low, high = (array.min(), array.max()) if array.size else ("", "")
        text = f"{text:25}  shape: {array.shape!s:20}  min: {low:10}  max: {high:10}  {array.dtype}"
    print(text)
