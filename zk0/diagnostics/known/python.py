"""Python's own exceptions by the shape of their message: asked last, for code that no other row knows.

The message is Python's, so it says the same in every program; which value it was, the frame shows.
"""

from zk0.core.faults import Fault
from zk0.diagnostics.known import known

ROWS = (
    known(
        "argument-missing",
        r"missing \d+ required (?:positional|keyword-only) argument|takes (?:from )?\d+ (?:to \d+ )?positional arguments? but|missing a required argument",
        "a function is called with other arguments than it takes: caller and function are from different versions, or the call is incomplete",
        "compare the call at the frame shown with the signature that is installed (help(function)); pin the version that the code was written for",
        "",
    ),
    known(
        "variable-unset",
        r"UnboundLocalError|referenced before assignment|cannot access (?:local|free) variable|NameError: name '",
        "a name is used that was never assigned on this way through the code: a branch or a loop that sets it was not taken, or an import is missing",
        "look where the frame's function assigns it, and under which condition",
        "",
    ),
    known(
        "attribute-unknown",
        r"AttributeError: (?:type object |partially initialized )?.{0,80}has no attribute",
        "an object or module lacks a name that the code uses: it is of another version or kind than the code was written for, or a file of yours shadows the package",
        "print type(object) and its __file__ or version at the frame shown; pin the version that the code was written for",
        "",
    ),
    known(
        "not-serializable",
        r"is not JSON serializable|not JSON compliant",
        "a NumPy or torch value, or a path, is written as JSON, which knows plain numbers and text only",
        "convert it before: value.item(), array.tolist(), str(path)",
        "",
    ),
    known(
        "operand-kinds",
        r"unsupported operand type|indices must be integers|not supported between instances|object is not (?:iterable|callable|subscriptable)|can only concatenate|must be (?:str|real number|a number|int|string|integer|sequence), not|expected str, bytes or os\.PathLike|argument must be a",
        "a value is of another kind than the operation needs: text for a number, a list for a dict, a missing setting",
        "print the values and types at the frame shown; look where the configuration or the data gives them",
        "",
    ),
    known(
        "text-no-number",
        r"could not convert string to float|invalid literal for int\(\)",
        "a text that is no number is read as one: a heading, an empty field, a unit or a decimal comma in the data",
        "print the row that it comes from",
        "",
        Fault.data_corrupt,
    ),
    known(
        "number-not-finite",
        r"cannot convert float (?:NaN|infinity) to integer|(?:contains|must not contain|[Ii]nput (?:X )?contains) (?:NaN|infinity|inf)|array must not contain infs or NaNs|OverflowError|Result too large|math domain error",
        "a number is NaN, infinite or too large where an ordinary one is needed: what was computed before has run away",
        "look for the first NaN or infinite value before this line: in the data, in the loss, in a division by zero",
        "",
        Fault.loss_not_finite,
    ),
    known(
        "dimensions-indexed",
        r"too many indices for (?:tensor|array)|Dimension specified as|axis \S+ is out of bounds|slice indices must be|invalid index of a 0-dim tensor",
        "an array has fewer dimensions than the code indexes: a batch of one was squeezed, or a scalar was returned",
        "print its shape at the frame shown",
        "",
    ),
    known(
        "assertion",
        r"^AssertionError\b",
        "the program checked a condition of its own, and it does not hold",
        "the frame's source line says which: print the values it compares",
        "",
    ),
    known(
        "not-implemented",
        r"^NotImplementedError\b",
        "a method or a combination of settings has no implementation here: it is left to subclasses, or this version or device lacks it",
        "look at the frame shown for which; choose another setting, or implement the method",
        "",
    ),
    known(
        "source-syntax",
        r"^(?:SyntaxError|IndentationError|TabError)\b",
        "the source can't be read as Python of this version",
        "python -V, and the file and line in the traceback: it may need a newer Python",
        "",
    ),
    known(
        "iterator-empty",
        r"^StopIteration\b|generator raised StopIteration|^(?:_?queue\.)?Empty\b",
        "an iterator or a queue gave nothing more: the data set is empty, smaller than a batch, or was "
        "consumed before; in a Flower client that receives, the server closed the stream",
        "print len() of the data set and of the loader; make the iterator again where it is used twice",
        "",
    ),
    known(
        "worker-gone",
        r"BrokenProcessPool|A process in the process pool was terminated",
        "a worker process ended without an exception: it crashed or was killed, most often because memory ran out",
        "run with one process to see the error; watch the memory",
        "",
        Fault.crashed,
    ),
    known(
        "time-out",
        r"TimeoutError\b|timed out\b",
        "the other side did not answer in time: it is gone, blocked, too slow, or at another address",
        "look at the other side's log at that time before you raise the time limit",
        "",
    ),
)
