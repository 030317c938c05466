"""Step 2: a class is one row of the last linear layer."""

from dataclasses import dataclass

from torch import Tensor

from cam_helpers.networks.network import ClassChoice, Network, check_network


@dataclass(frozen=True, eq=False)
class ClassWeights:
    """What one class asks of the features: a weight for each, and a bias for the class."""

    class_index: int
    category: str
    weights: Tensor
    bias: Tensor


def isolate_weights(network: Network, class_index: ClassChoice) -> ClassWeights:
    """Return the weights (C,) and the bias (a scalar) of one class, given by index or by name.

    The score of the class is `weights @ features + bias`, where feature c is the spatial mean of
    feature map c (Zhou et al. 2016, section 2, has the sum in place of the mean, and no bias). A
    linear layer without bias counts as bias 0. Both are copies: changing them leaves the network
    as it is. Raises what `Network.class_index` raises, and `TypeError` where `network` is none.

    >>> import cam_helpers as ch
    >>> row = ch.isolate_weights(ch.load_network(), "dog")
    >>> row.class_index, row.weights.shape
    (1, torch.Size([192]))
    """
    check_network(network)
    index = network.class_index(class_index)
    weights = network.classifier.weight.detach()
    bias = network.classifier.bias
    class_bias = weights.new_zeros(()) if bias is None else bias.detach()[index].clone()
    return ClassWeights(index, network.categories[index], weights[index].clone(), class_bias)
