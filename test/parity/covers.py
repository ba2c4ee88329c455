"""For picture sizes: diffusers' nearest size of 2048 px, and how PixArt's data set and torchvision bring a picture to it, in Python's own arithmetic."""

import json
import sys

from diffusers.image_processor import PixArtImageProcessor
from diffusers.pipelines.pixart_alpha.pipeline_pixart_sigma import ASPECT_RATIO_2048_BIN


def cover(height, width, target_height, target_width):
    if target_height / height > target_width / width:
        resized = target_height, int(width * target_height / height)
    else:
        resized = int(height * target_width / width), target_width
    # Nothing pads here: a side that rounding left a pixel short is as long as what is cut.
    resized = max(resized[0], target_height), max(resized[1], target_width)
    top = int(round((resized[0] - target_height) / 2.0))
    left = int(round((resized[1] - target_width) / 2.0))
    return {"resized": {"width": resized[1], "height": resized[0]}, "left": left, "top": top}


answers = []
for width, height in json.load(sys.stdin):
    target = PixArtImageProcessor.classify_height_width_bin(height, width, ASPECT_RATIO_2048_BIN)
    answers.append({"bucket": target, "cover": cover(height, width, *target), "square": cover(height, width, 512, 512)})
json.dump(answers, sys.stdout)
