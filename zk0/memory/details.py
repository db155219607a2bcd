"""How much `tasks.md` tells of each workflow, to stay within its budget; pure.

What a command can tell at any time goes first, and that of the workflows last performed stays longest: their inputs,
then notes and issues, then steps, then all but their names. Kept paragraphs are never cut.
"""

from collections.abc import Callable, Mapping, Sequence

LEVELS = ("inputs", "notes and issues", "steps", "purpose")  # what is left out, one after the other


def detailed(names: Sequence[str], render: Callable[[Mapping[str, int], list[str]], str], budget: int) -> str:
    """Return the page with as much of each workflow as its budget allows.

    Args:
        names: the workflows, the first to be shortened first.
        render: makes the page of how many of `LEVELS` are left out of each, and of the sentences that say so.
        budget: the most bytes the page should have; headings and kept paragraphs stay, whatever they take.
    """
    levels = dict.fromkeys(names, 0)
    text = render(levels, [])
    for level in range(1, len(LEVELS) + 1):
        for name in names:
            if len(text.encode()) <= budget:
                return text
            levels[name] = level
            text = render(levels, _left_out(levels))
    return text


def _left_out(levels: Mapping[str, int]) -> list[str]:
    """Return a sentence for each part that is left out: of which workflows."""
    sentences = []
    for number, part in enumerate(LEVELS, 1):
        names = sorted(name for name, level in levels.items() if level >= number)
        if names:
            which = "all workflows" if len(names) == len(levels) else ", ".join(f"`{name}`" for name in names)
            sentences.append(f"{part} of {which}")
    return sentences
