"""Class activation maps, step by step: the finished functions that the notebooks build by hand.

Importing this imports neither torchvision nor matplotlib nor ipywidgets; they come where they are
needed.
"""

from cam_helpers.explain import Explanation, explain
from cam_helpers.explorer import explorer
from cam_helpers.figures import draw_cells, show
from cam_helpers.hook_features import hook_features
from cam_helpers.isolate_weights import ClassWeights, isolate_weights
from cam_helpers.layers import UnsuitableNetworkError
from cam_helpers.networks import Network, WeightsUnavailableError, load_network
from cam_helpers.overlay import COLOUR_MAPS, colourise, overlay, upsample
from cam_helpers.pictures import PictureError, open_picture, shipped_pictures
from cam_helpers.predict import Prediction, predict
from cam_helpers.scenes import CATEGORIES, Scene, draw_scene
from cam_helpers.tiny_resnet import DamagedWeightsError
from cam_helpers.weighted_sum import weighted_sum

__version__ = "0.1.0"
__all__ = [
    "CATEGORIES",
    "COLOUR_MAPS",
    "ClassWeights",
    "DamagedWeightsError",
    "Explanation",
    "Network",
    "PictureError",
    "Prediction",
    "Scene",
    "UnsuitableNetworkError",
    "WeightsUnavailableError",
    "colourise",
    "draw_cells",
    "draw_scene",
    "explain",
    "explorer",
    "hook_features",
    "isolate_weights",
    "load_network",
    "open_picture",
    "overlay",
    "predict",
    "shipped_pictures",
    "show",
    "upsample",
    "weighted_sum",
]
