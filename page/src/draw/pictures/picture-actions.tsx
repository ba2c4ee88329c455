import type { JSX } from "preact";
import { Icon } from "../../parts/icon.tsx";
import { session } from "../../session/session.ts";
import type { DrawForm } from "../form/draw-form.ts";
import { missingModel, setForm, startPicture } from "../form/form-store.ts";
import { drawForm } from "./drawings.ts";
import { addressOf, type DrawnPicture, forgetPicture } from "./history.ts";

/** Actions for a picture. */
export function PictureActions({ picture }: { readonly picture: DrawnPicture }): JSX.Element {
  const { form, blob, isEdit } = picture;
  const restore = (change: Partial<DrawForm>): void => {
    setForm({ ...form, ...change });
    // It would become an edit.
    if (isEdit === false) startPicture.value = undefined;
  };
  const again = (): void => restore({ count: 1 });
  const vary = (): void => {
    restore({ count: 4, keepsSeed: false });
    if (missingModel.peek() === undefined) void drawForm();
  };
  const start = (): void => {
    startPicture.value = { blob, mask: undefined };
    setForm({ prompt: form.prompt });
  };
  const extension = blob.type.split("/")[1] ?? "png";
  return (
    <div class="picture-actions">
      <span class="numeric soft">seed {form.seed}</span>
      <span class="push">
        <button
          type="button"
          class="quiet small"
          title="Put seed and settings into the form"
          onClick={again}
        >
          Again
        </button>
        <button
          type="button"
          class="quiet small"
          title="Draw again with four new seeds"
          disabled={session.value?.canDraw !== true}
          onClick={vary}
        >
          Vary
        </button>
        <button
          type="button"
          class="quiet small"
          title="Start from this picture, or redraw only a part"
          onClick={start}
        >
          Edit
        </button>
        <a
          class="button quiet small icon-button"
          href={addressOf(blob)}
          download={`${form.seed}.${extension}`}
          aria-label="Save the file"
          title="Save the file"
        >
          <Icon name="save" />
        </a>
        <button
          type="button"
          class="quiet small icon-button"
          aria-label="Remove from this browser"
          title="Remove from this browser"
          onClick={() => void forgetPicture(picture.id)}
        >
          <Icon name="close" />
        </button>
      </span>
    </div>
  );
}
