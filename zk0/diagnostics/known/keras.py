"""TensorFlow, Keras and scikit-learn: shapes, inputs and labels that do not fit the model."""

from zk0.core.faults import Fault
from zk0.diagnostics.known import known

ROWS = (
    known(
        "keras-loss-shape",
        r"Shapes \([^)]*\) and \([^)]*\) are incompatible|logits and labels must (?:be broadcastable|have the same)|Arguments `target` and `output` must have the same",
        "labels and outputs have different shapes: whole numbers where the loss wants one column a class, or the reverse",
        "compare the label's shape with the last layer; sparse_categorical_crossentropy takes whole numbers",
        "",
    ),
    known(
        "keras-input-shape",
        r"Input \d+ of layer .{0,80}is incompatible|expected (?:shape|min_ndim|ndim|axis)[^.]{0,40}, (?:but )?(?:got|found)|expected \w+ to have (?:shape|\d+ dimensions)|Incompatible shapes: \[",
        "an input has another shape than the layer that takes it: picture size, channels or sequence length",
        "compare the shape of one batch with the model's input_shape",
        "",
    ),
    known(
        "keras-weights-shape",
        r"weight shape \([^)]*\) is not compatible with provided weight shape",
        "the weights that are set are of another model: in a federation, server and client build different ones",
        "build both from one function with one configuration, and compare [w.shape for w in model.get_weights()]",
        "",
    ),
    known(
        "keras-no-gradients",
        r"No gradients provided for any variable",
        "the loss does not depend on anything that is trained: a cut in the graph, or labels that were not passed",
        "check that x and y both reach fit, and that nothing between loss and weights is NumPy or an integer cast",
        "",
    ),
    known(
        "tensorflow-convert",
        r"Failed to convert a NumPy array to a Tensor|setting an array element with a sequence|can't convert np\.ndarray of type numpy\.object_",
        "a column holds mixed types, text or lists of different lengths where numbers are needed",
        "print dtype and shape of what is passed; make it one numeric array (astype('float32')), rows of one length",
        "",
    ),
    known(
        "keras-input-ran-out",
        r"[Yy]our (?:input|dataset) ran out of data|OutOfRangeError|End of sequence",
        "the data ended before the steps that were asked for: steps_per_epoch times epochs is more than there is",
        "repeat() the data set, or leave steps_per_epoch to Keras",
        "",
    ),
    known(
        "keras-checkpoint",
        r"(?:Layer|layer) count mismatch|Unable to (?:restore|load) (?:custom object|weights)|You are trying to load a weight file|axes don't match array",
        "the saved weights belong to a model with other layers than the one that loads them",
        "build the model with the code and version that saved it; compare both summaries",
        "",
    ),
    known(
        "learn-not-finite",
        r"(?:Input|Input \w+) contains (?:NaN|infinity)",
        "the data hold NaN or infinity",
        "count them in each column (isnan, isinf), and drop or fill these rows before training",
        "",
        Fault.data_corrupt,
    ),
    known(
        "learn-one-class",
        r"number of classes has to be greater than one|needs samples of at least 2 classes|Only one class present in y_true|least populated class in y has only",
        "a client or split holds samples of one class only",
        "print the classes of each split; partition so that every client has at least two",
        "",
    ),
    known(
        "learn-samples",
        r"inconsistent numbers of samples|Classification metrics can't handle a mix|previously unseen labels|Number of (?:classes|features).{0,60}(?:not|expect)",
        "labels and predictions, or training and test data, do not fit each other: another number, type or set of labels",
        "print length, type and set of labels of both",
        "",
    ),
)
