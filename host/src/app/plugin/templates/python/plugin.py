"""The plugin `__NAME__`: one tool, which counts the lines and words of a file."""

from garth import Output, Tools, locate, tool  # the component exports Tools

COUNTS = {"type": "object", "properties": {"lines": {"type": "integer"}, "words": {"type": "integer"}}}


@tool(data=COUNTS, path="Relative to the workspace.")
def __TOOL__(path: str):
    """Counts the lines and words of a file of the workspace."""
    with open(locate(path), encoding="utf-8") as opened:
        text = opened.read()
    lines, words = len(text.splitlines()), len(text.split())
    return Output(f"{lines} lines, {words} words", {"lines": lines, "words": words})
