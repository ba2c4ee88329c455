"""What PyTorch's training loops of worker.py and data-parallel.py have in common."""


def predicted(model, schedule, latents, noise, times, states, mask):
    """What a transformer of diffusers says of noisy latents (B, C, H, W) and of captions' states (B, L, D)."""
    return model(
        schedule.add_noise(latents, noise, times),
        encoder_hidden_states=states,
        encoder_attention_mask=mask,
        timestep=times,
        added_cond_kwargs={"resolution": None, "aspect_ratio": None},
    ).sample
