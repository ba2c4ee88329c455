"""Wrote mmengine-0.10.7.pth: `python mmengine.py OUT.pth`, with mmengine 0.10.7 and diffusers 0.42.1.

A run as diffengine's: a Runner with a learning-rate schedule and gradient clipping, a hook that leaves only the transformer in
the checkpoint, and mmengine's EMA hook.
"""

import shutil
import sys
import tempfile

import torch
from diffusers import PixArtTransformer2DModel
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

torch.manual_seed(0)


class Model(BaseModel):
    def __init__(self):
        super().__init__()
        self.transformer = PixArtTransformer2DModel(
            num_attention_heads=1, attention_head_dim=4, num_layers=1, sample_size=4, cross_attention_dim=4,
            caption_channels=4, in_channels=1, out_channels=2, use_additional_conditions=False,
        )  # fmt: skip
        self.vae = torch.nn.Linear(2, 2)

    def forward(self, x, mode="loss"):
        x = torch.stack(x)
        out = self.transformer(x, encoder_hidden_states=torch.ones(len(x), 3, 4), timestep=torch.ones(len(x))).sample
        return {"loss": out.square().mean()}


class Data(torch.utils.data.Dataset):
    metainfo = {"classes": ("a",)}

    def __len__(self):
        return 4

    def __getitem__(self, index):
        return {"x": torch.full((1, 4, 4), float(index))}


class TransformerAlone(Hook):
    def before_save_checkpoint(self, runner, checkpoint):
        state = checkpoint["state_dict"]
        for key in [key for key in state if not key.startswith("transformer")]:
            del state[key]


folder = tempfile.mkdtemp()
runner = Runner(
    model=Model(),
    work_dir=folder,
    train_dataloader=dict(batch_size=2, dataset=Data(), sampler=dict(type="DefaultSampler", shuffle=True), num_workers=0),
    optim_wrapper=dict(type="OptimWrapper", optimizer=dict(type="AdamW", lr=1e-3), clip_grad=dict(max_norm=0.01)),
    param_scheduler=[dict(type="LinearLR", start_factor=0.1, by_epoch=False, begin=0, end=4)],
    train_cfg=dict(by_epoch=True, max_epochs=1),
    default_hooks=dict(checkpoint=dict(type="CheckpointHook", interval=1), logger=dict(type="LoggerHook", interval=1)),
    custom_hooks=[dict(type="EMAHook", priority=49), TransformerAlone()],
    randomness=dict(seed=0),
    experiment_name="golden",
    cfg=dict(work_dir="work_dirs/golden"),
)
runner.train()
shutil.copy(f"{folder}/epoch_1.pth", sys.argv[1])
