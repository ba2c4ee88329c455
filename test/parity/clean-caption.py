"""Cleans captions as diffusers' PixArt pipelines do."""

import json
import sys

from diffusers import PixArtAlphaPipeline


class Cleaner:
    bad_punct_regex = PixArtAlphaPipeline.bad_punct_regex
    clean = PixArtAlphaPipeline._clean_caption


cleaner = Cleaner()
json.dump([cleaner.clean(caption) for caption in json.load(sys.stdin)], sys.stdout)
