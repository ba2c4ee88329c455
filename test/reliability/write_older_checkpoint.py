"""Writes a checkpoint in the form that torch.save had before version 1.6."""

import sys

import torch

state = {"layer.0.weight": torch.arange(12.0).reshape(3, 4), "layer.0.bias": torch.zeros(4, dtype=torch.bfloat16)}
torch.save({"state_dict": state, "epoch": 3}, sys.argv[1], _use_new_zipfile_serialization=False)
