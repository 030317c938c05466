"""Class activation maps, step by step: the finished functions that the notebooks build by hand.

Importing this imports neither torchvision nor matplotlib nor ipywidgets; they come where they are
needed, matplotlib with the first colours.
"""

from cam_helpers.checks.check import check
from cam_helpers.deletion import deletion, impute, insertion
from cam_helpers.display.rows import draw_bars, show_row
from cam_helpers.display.show import draw_cells, draw_colour_bar, evidence_colours, show
from cam_helpers.drawn.class_folder import draw_class_folder
from cam_helpers.drawn.scenes import Scene, draw_scene
from cam_helpers.drawn.xrays import draw_xray
from cam_helpers.explain import Explanation, explain
from cam_helpers.explain_many import explain_many
from cam_helpers.grad_cam import grad_cam, grad_cam_layers
from cam_helpers.intervals import Interval, bootstrap, share_of_hits
from cam_helpers.localization import (
    BoxAccuracy,
    PixelPrecision,
    average_precision,
    grid_share,
    iou,
    map_box,
    pointing_game,
    share_inside,
)
from cam_helpers.map_style import COLOUR_MAPS, MapStyle
from cam_helpers.networks.load import WeightsUnavailableError, load_classifier, load_network
from cam_helpers.networks.make import make_network
from cam_helpers.networks.network import Classifier, Network
from cam_helpers.networks.refusals import UnsuitableNetworkError
from cam_helpers.networks.tiny_resnet import CATEGORIES
from cam_helpers.networks.weights_file import DamagedWeightsError
from cam_helpers.pictures.open_picture import (
    PictureError,
    open_picture,
    shipped_photographs,
    shipped_pictures,
)
from cam_helpers.place import MirrorTest, MovedTest, mirror_test, moved_test
from cam_helpers.step_1_predict import Prediction, predict
from cam_helpers.step_2_isolate_weights import ClassWeights, isolate_weights
from cam_helpers.step_3_hook_features import hook_features
from cam_helpers.step_4_weighted_sum import weighted_sum
from cam_helpers.step_5_upsample_and_overlay import colourise, overlay, upsample
from cam_helpers.view.explorer import explorer
from cam_helpers.view.frame import LiveMap, live_map

__version__ = "0.2.0"
__all__ = [
    "CATEGORIES",
    "COLOUR_MAPS",
    "BoxAccuracy",
    "ClassWeights",
    "Classifier",
    "DamagedWeightsError",
    "Explanation",
    "Interval",
    "LiveMap",
    "MapStyle",
    "MirrorTest",
    "MovedTest",
    "Network",
    "PictureError",
    "PixelPrecision",
    "Prediction",
    "Scene",
    "UnsuitableNetworkError",
    "WeightsUnavailableError",
    "average_precision",
    "bootstrap",
    "check",
    "colourise",
    "deletion",
    "draw_bars",
    "draw_cells",
    "draw_class_folder",
    "draw_colour_bar",
    "draw_scene",
    "draw_xray",
    "evidence_colours",
    "explain",
    "explain_many",
    "explorer",
    "grad_cam",
    "grad_cam_layers",
    "grid_share",
    "hook_features",
    "impute",
    "insertion",
    "iou",
    "isolate_weights",
    "live_map",
    "load_classifier",
    "load_network",
    "make_network",
    "map_box",
    "mirror_test",
    "moved_test",
    "open_picture",
    "overlay",
    "pointing_game",
    "predict",
    "share_inside",
    "share_of_hits",
    "shipped_photographs",
    "shipped_pictures",
    "show",
    "show_row",
    "upsample",
    "weighted_sum",
]
