"""The engine against thingsvision: the same ViT-S/16, the same photographs, the same batch size, in turns.

    python benchmarks/against_thingsvision.py FOLDER    # where benchmarks/thingsvision_requirements.txt is installed

thingsvision 2.7 imports TensorFlow whatever is extracted, and a name that numpy 2 has dropped; neither is used with a
torch model, so that stand-ins are put in their place. Its transformation is replaced by one that squashes the image, as
ours does: it would otherwise do less, or more, than the engine.
"""

from __future__ import annotations

import contextlib
import importlib.machinery
import io
import sys
import tempfile
from pathlib import Path
from unittest.mock import MagicMock

import numpy as np
import torch
from extraction import BATCH, ROUNDS, ratio, vit_small, write_checkpoint
from photographs import write_photographs
from torchvision import transforms

COUNT = 64


def import_thingsvision(folder: str) -> None:
    np.AxisError = np.exceptions.AxisError  # type: ignore[attr-defined]
    sys.path.append(folder)
    for name in ("tensorflow", *(f"tensorflow.keras{end}" for end in ("", ".applications", ".layers", ".models"))):
        spec = importlib.machinery.ModuleSpec(name, None)
        sys.modules[name] = MagicMock(__spec__=spec, __path__=[], __version__="0")
    sys.modules["tensorflow"].config.list_physical_devices.return_value = []  # type: ignore[attr-defined]


def main() -> None:
    import_thingsvision(sys.argv[1])
    from thingsvision import get_extractor
    from thingsvision.utils.data import DataLoader, ImageDataset

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        photographs = write_photographs(folder / "photographs", COUNT)
        ours = vit_small(write_checkpoint(folder / "vit-small"))
        theirs = get_extractor("vit_small_patch16_224.augreg_in21k_ft_in1k", False, "cpu", source="timm")
        next(iter(ours.extract(photographs[:1])))
        squash = transforms.Compose(
            [
                transforms.Resize((224, 224), transforms.InterpolationMode.BICUBIC),
                transforms.ToTensor(),
                transforms.Normalize((0.5,) * 3, (0.5,) * 3),
            ]
        )

        def engine() -> None:
            for _ in ours.extract(photographs, batch_size=BATCH):
                pass

        def thingsvision() -> np.ndarray:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                images = ImageDataset(
                    root=str(folder / "photographs"),
                    out_path=str(folder / "order"),
                    backend=theirs.get_backend(),
                    transforms=squash,
                )
                batches = DataLoader(dataset=images, batch_size=BATCH, backend=theirs.get_backend())
                return theirs.extract_features(batches=batches, module_name="norm", flatten_acts=False)

        # The same weights, and so the same tokens but for the order of additions.
        state = next(iter(ours.encoders)).load().encoder.module.state_dict()
        theirs.model.load_state_dict(state, strict=False)
        found = thingsvision()
        tokens = torch.from_numpy(found)[:, 1:]
        expected = ours.extract(photographs).stack()
        print(f"tokens {list(tokens.shape)}; largest difference {float((tokens - expected).abs().max()):.1e}")
        median, all_of_them = ratio(thingsvision, engine)
        spread = f"{min(all_of_them):.2f}–{max(all_of_them):.2f}"
        print(f"engine's images/s over thingsvision's      {median:.2f}  (bound ≥ 1.0; {ROUNDS} rounds {spread})")


if __name__ == "__main__":
    main()
