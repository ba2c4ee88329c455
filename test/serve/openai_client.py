"""Draws, edits, streams and fails with OpenAI's Python client; its answers go back as JSON."""
import base64
import io
import json
import sys

import openai

given = json.load(sys.stdin)
client = openai.OpenAI(base_url=given["url"], api_key="any", max_retries=0)
picture = base64.b64decode(given["picture"])
steps = {"steps": 2}


def attempt(draw):
    try:
        draw()
    except openai.APIStatusError as error:
        return [type(error).__name__, error.status_code, error.code, error.param, error.request_id]
    return None


first = client.images.generate(prompt="a fox", n=2, extra_body={"seed": 7, **steps})
again = client.images.generate(prompt="a fox", extra_body={"seed": 8, **steps})
edited = client.images.edit(
    prompt="a fox", image=("a.png", io.BytesIO(picture), "image/png"), mask=("m.png", io.BytesIO(picture), "image/png"), extra_body=steps
)
stream = client.images.generate(prompt="a fox", stream=True, partial_images=1, extra_body=steps)
several = client.images.edit(
    prompt="a fox", image=[("a.png", io.BytesIO(picture), "image/png")], extra_body=steps
)
json.dump(
    {
        "count": len(first.data),
        "same": first.data[1].b64_json == again.data[0].b64_json,
        "seed": first.data[1].seed,
        "edited": len(edited.data[0].b64_json),
        "several": len(several.data[0].b64_json),
        "events": [event.type for event in stream],
        "errors": [
            attempt(lambda: client.images.generate(prompt="a fox", size="big")),
            attempt(lambda: client.images.generate(prompt="a fox", model="none")),
            attempt(lambda: client.images.generate(prompt="not finite", extra_body=steps)),
        ],
    },
    sys.stdout,
)
