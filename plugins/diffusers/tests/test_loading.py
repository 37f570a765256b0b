"""From a folder, a hub cache or nothing at all: what is loaded, what is not, and what is said about it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file

from visionlaw.errors import WeightsError
from visionlaw.features.encoders import encoder_ref
from visionlaw.features.runtime import Runtime, place
from visionlaw.protocols import EncoderRef
from visionlaw.registry import Registry
from visionlaw.weights import weights_present

FAMILIES = ["sd", "variations", "sdxl", "dit", "sd3"]
Pictures = Callable[[int], list[Image.Image]]


def count(module: torch.nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def batch_of(encoder: Any, images: list[Image.Image]) -> torch.Tensor:
    return torch.stack([encoder.preprocess(image)[0] for image in images])


def copy(tiny: Any, folder: Path) -> Any:
    """Return a copy of a tiny pipeline, to be damaged."""
    shutil.copytree(tiny.folder, folder)
    return type(tiny)(tiny.spec.model_copy(update={"checkpoint": str(folder)}), folder)


def rewrite(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    """Change a JSON or a safetensors file."""
    if path.suffix == ".json":
        path.write_text(json.dumps(change(json.loads(path.read_text()))))
    else:
        save_file(change(load_file(path)), path, {"format": "pt"})


def test_neither_decoder_nor_text_encoder_nor_unread_blocks_are_in_memory(tiny: Any) -> None:
    module = tiny("sd").build().module
    vae = AutoencoderKL.from_pretrained(tiny("sd").folder / "vae")
    unet = UNet2DConditionModel.from_pretrained(tiny("sd").folder / "unet")
    unread = count(unet.up_blocks[1]) + count(unet.up_blocks[2]) + count(unet.conv_norm_out) + count(unet.conv_out)

    assert count(module) == count(vae.encoder) + count(vae.quant_conv) + count(unet) - unread
    assert not [name for name, _ in module.named_modules() if "decoder" in name or "text" in name]
    assert not [weight for weight in module.parameters() if weight.is_meta]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_decoder_is_not_even_read(tiny: Any, family: str, tmp_path: Path) -> None:
    """A VAE whose file holds the encoder alone does."""
    made = copy(tiny(family), tmp_path / "pipeline")
    weights = made.folder / "vae" / "diffusion_pytorch_model.safetensors"
    rewrite(weights, lambda w: {k: v for k, v in w.items() if "decoder" not in k and "post_quant" not in k})
    made.build()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("dtype", "tolerance"), [("bfloat16", 0.06), ("float16", 0.01)])
def test_half_precision_agrees_and_takes_all_buffers_along(
    tiny: Any, family: str, dtype: Any, tolerance: float, pictures: Pictures
) -> None:
    whole = tiny(family).build()
    batch = batch_of(whole, pictures(2))
    expected = whole.encode(batch)
    placed = place(tiny(family).build(), Runtime(device="cpu", dtype=dtype))
    half = placed.encode(batch)

    module = placed.encoder.module
    kinds = {t.dtype for t in (*module.denoiser.parameters(), *module.denoiser.buffers()) if t.is_floating_point()}
    assert kinds == {getattr(torch, dtype)}
    assert torch.isfinite(half).all()
    assert (half.float() - expected).norm() / expected.norm() < tolerance


def test_a_vae_that_overflows_in_float16_stays_in_float32(tiny: Any) -> None:
    for family, kept in (("sdxl", True), ("sd", False)):
        encoder = tiny(family).build()
        before = {name: weight.clone() for name, weight in encoder.module.latents.named_parameters()}
        encoder.module.to(torch.float16)
        after = dict(encoder.module.latents.named_parameters())
        assert all((after[name].dtype == torch.float32) == kept for name in before)
        assert all(torch.equal(after[name], before[name]) for name in before if kept)
        assert next(encoder.module.denoiser.network.parameters()).dtype == torch.float16


def test_autocast_leaves_that_vae_alone(tiny: Any, pictures: Pictures) -> None:
    seen: dict[str, torch.dtype] = {}
    for family in ("sdxl", "sd"):
        encoder = tiny(family).build()
        encoder.module.latents.encoder.register_forward_hook(
            lambda m, i, o, family=family: seen.__setitem__(family, o.dtype)
        )
        placed = place(encoder, Runtime(device="cpu", dtype="bfloat16", autocast=True))
        placed.encode(batch_of(placed, pictures(1)))
    assert seen == {"sdxl": torch.float32, "sd": torch.bfloat16}


def test_half_the_checkpoint_in_half_precision_is_loaded_in_float32(tiny: Any, tmp_path: Path) -> None:
    made = copy(tiny("sd"), tmp_path / "pipeline")
    for path in made.folder.glob("*/*.safetensors"):
        rewrite(path, lambda weights: {name: weight.half() for name, weight in weights.items()})
    assert {weight.dtype for weight in made.build().module.parameters()} == {torch.float32}


def test_attention_of_old_checkpoints_is_understood(tiny: Any, tmp_path: Path, pictures: Pictures) -> None:
    """The VAE of Stable Diffusion 1.5 still has the names of diffusers before 0.13."""
    made = copy(tiny("sd"), tmp_path / "pipeline")
    old = {".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."}

    def rename(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        for new, former in old.items():
            weights = {name.replace(new, former): weight for name, weight in weights.items()}
        return weights

    path = made.folder / "vae" / "diffusion_pytorch_model.safetensors"
    rewrite(path, rename)
    assert any(".proj_attn." in name for name in load_file(path))
    encoder = tiny("sd").build()
    batch = batch_of(encoder, pictures(1))
    torch.testing.assert_close(made.build().encode(batch), encoder.encode(batch))


def test_a_dit_saved_by_older_diffusers_is_understood(tiny: Any, tmp_path: Path) -> None:
    made = copy(tiny("dit"), tmp_path / "pipeline")
    rewrite(
        made.folder / "transformer" / "config.json",
        lambda config: config | {"_class_name": "Transformer2DModel", "num_vector_embeds": None},
    )
    made.build()


DAMAGES: dict[str, tuple[str, str, Callable[[dict[str, Any]], dict[str, Any]], str]] = {
    "another kind of VAE": ("sd", "vae/config.json", lambda c: c | {"_class_name": "VQModel"}, "VQModel"),
    "another kind of U-Net": ("sd", "unet/config.json", lambda c: c | {"_class_name": "UNet2DModel"}, "UNet2DModel"),
    "another size": (
        "sd",
        "unet/config.json",
        lambda c: c | {"block_out_channels": [8, 16, 32]},
        "32 channels every 4 pixels, not of 16 every 4",
    ),
    "another text encoder": (
        "sdxl",
        "text_encoder_2/config.json",
        lambda c: c | {"architectures": ["CLIPTextModel"]},
        "CLIPTextModelWithProjection",
    ),
    "a narrower prompt": (
        "sd",
        "unet/config.json",
        lambda c: c | {"cross_attention_dim": 16},
        "12 channels, where its denoiser expects 16",
    ),
    "another schedule": (
        "sd",
        "scheduler/scheduler_config.json",
        lambda c: c | {"_class_name": "FlowMatchEulerDiscreteScheduler"},
        "FlowMatchEulerDiscreteScheduler",
    ),
    "no flow": (
        "sd3",
        "scheduler/scheduler_config.json",
        lambda c: c | {"_class_name": "DDIMScheduler"},
        "DDIMScheduler",
    ),
    "SD3 with heads that are not there": (
        "sd3",
        "transformer/config.json",
        lambda c: c | {"num_attention_heads": 4},
        "128 channels",
    ),
    "SD3 with another VAE": ("sd3", "vae/config.json", lambda c: c | {"latent_channels": 4}, "different width"),
    "not a DiT": ("dit", "transformer/config.json", lambda c: c | {"norm_type": "layer_norm"}, "not a DiT"),
    "SDXL without sizes": ("sdxl", "unet/config.json", lambda c: c | {"addition_embed_type": None}, "size conditions"),
    "no normalisation": (
        "variations",
        "feature_extractor/preprocessor_config.json",
        lambda c: {k: v for k, v in c.items() if k != "image_std"},
        "image_mean and image_std",
    ),
    "U-Net with a weight too few": (
        "sd",
        "unet/diffusion_pytorch_model.safetensors",
        lambda w: {k: v for k, v in w.items() if k != "mid_block.resnets.0.conv1.weight"},
        "mid_block.resnets.0.conv1.weight",
    ),
    "U-Net with a weight of another shape": (
        "sd",
        "unet/diffusion_pytorch_model.safetensors",
        lambda w: w | {"conv_in.bias": torch.zeros(9)},
        "'unet'",
    ),
    "VAE with a weight too few": (
        "sd",
        "vae/diffusion_pytorch_model.safetensors",
        lambda w: {k: v for k, v in w.items() if k != "encoder.conv_in.weight"},
        "encoder.conv_in.weight",
    ),
    "VAE with a weight of another shape": (
        "sd",
        "vae/diffusion_pytorch_model.safetensors",
        lambda w: w | {"encoder.conv_in.bias": torch.zeros(9)},
        "do not fit 'vae/config.json'",
    ),
    "text encoder with weights too few": (
        "sd",
        "text_encoder/model.safetensors",
        lambda w: {k: v for k, v in w.items() if "layers.1." not in k},
        "more",
    ),
}


@pytest.mark.parametrize("case", DAMAGES)
def test_a_pipeline_of_another_kind_is_one_sentence(case: str, tiny: Any, tmp_path: Path) -> None:
    family, name, change, words = DAMAGES[case]
    made = copy(tiny(family), tmp_path / "pipeline")
    rewrite(made.folder / name, change)
    with pytest.raises(WeightsError) as caught:
        made.build()
    assert words in caught.value.message
    assert str(made.folder) in caught.value.message
    assert "\n" not in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize(
    "name",
    [
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
        "text_encoder/model.safetensors",
        "unet/config.json",
        "tokenizer/tokenizer.json",
    ],
)
def test_a_damaged_file_is_one_sentence(name: str, tiny: Any, tmp_path: Path) -> None:
    made = copy(tiny("sd"), tmp_path / "pipeline")
    (made.folder / name).write_bytes((made.folder / name).read_bytes()[:50])
    with pytest.raises(WeightsError) as caught:
        made.build()
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("name", ["unet/diffusion_pytorch_model", "vae/diffusion_pytorch_model", "text_encoder/model"])
def test_pickles_are_refused(name: str, tiny: Any, tmp_path: Path) -> None:
    made = copy(tiny("sd"), tmp_path / "pipeline")
    path = made.folder / f"{name}.safetensors"
    torch.save(load_file(path), path.with_suffix(".bin"))
    path.unlink()
    with pytest.raises(WeightsError, match="pickles"):
        made.build()


@pytest.mark.parametrize("component", ["unet", "vae", "scheduler", "text_encoder", "tokenizer"])
def test_a_missing_component_is_named(component: str, tiny: Any, tmp_path: Path) -> None:
    made = copy(tiny("sd"), tmp_path / "pipeline")
    shutil.rmtree(made.folder / component)
    with pytest.raises(WeightsError, match=f"lacks {component}/"):
        made.build()


def test_what_is_not_needed_may_be_missing_or_be_there(tiny: Any, tmp_path: Path) -> None:
    made = copy(tiny("sd3"), tmp_path / "pipeline")
    (made.folder / "text_encoder_3").mkdir()
    (made.folder / "text_encoder_3" / "pytorch_model.bin").write_bytes(b"T5")
    made.build()
    assert not any("text_encoder_3" in pattern or "safety" in pattern for pattern in made.spec.files)


def test_from_the_cache_of_the_hub(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    base = tmp_path / "hub" / "models--org--tiny-sd"
    shutil.copytree(tiny("sd").folder, base / "snapshots" / commit)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    spec = tiny("sd").spec.model_copy(update={"checkpoint": "org/tiny-sd", "revision": commit})
    made = type(tiny("sd"))(spec, tiny("sd").folder)

    assert weights_present(spec)
    made.build()
    (base / "snapshots" / commit / "unet" / "config.json").unlink()
    assert not weights_present(spec)


def test_offline_and_absent_is_one_sentence(
    listed: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    import pkgutil

    for spec in listed.values():
        with pytest.raises(WeightsError, match="HF_HUB_OFFLINE") as caught:
            pkgutil.resolve_name(spec.target)(spec)
        assert f"--checkpoint {spec.id}=FOLDER" in caught.value.remedy


@pytest.fixture
def discovered(tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Registry]:
    """Return a function that installs a plugin whose one encoder is a tiny one without a checkpoint of its own."""

    def install(family: str) -> Registry:
        spec = tiny(family).spec.model_copy(update={"id": "small/net@64", "checkpoint": "org/absent"})
        info = tmp_path / "visionlaw_small-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: visionlaw-small\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[visionlaw.v1]\nsmall = fixture_small\n")
        (tmp_path / "fixture_small.py").write_text(
            "from visionlaw import EncoderSpec, hookimpl\n@hookimpl\ndef visionlaw_encoders():\n"
            f"    yield EncoderSpec.model_validate_json({spec.model_dump_json()!r})\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.delitem(__import__("sys").modules, "fixture_small", raising=False)
        return Registry.discover()

    return install


@pytest.mark.parametrize("family", FAMILIES)
def test_an_id_with_options_and_a_folder_gives_the_same_tokens(
    family: str, tiny: Any, discovered: Callable[[str], Registry], pictures: Pictures
) -> None:
    registry = discovered(family)
    options = "layer=1&t=50" if family in ("dit", "sd3") else "block=1&t=50"
    reference = encoder_ref(registry, f"small/net@64?{options}", Runtime(device="cpu"), checkpoint=tiny(family).folder)
    expected = tiny(family).build(**{k: int(v) for k, v in (part.split("=") for part in options.split("&"))})

    assert isinstance(reference, EncoderRef)
    assert reference.provenance["checkpoint"] == "local"
    batch = batch_of(expected, pictures(1))
    tokens = reference.load().encode(batch)
    assert tokens.shape[1:] == (reference.spec.grid[0] ** 2, reference.spec.channels)
    torch.testing.assert_close(tokens, expected.encode(batch))


def test_the_folder_of_another_size_is_refused_for_a_published_id(tiny: Any) -> None:
    with pytest.raises(WeightsError, match="not of 1280 every 32"):
        encoder_ref(Registry.discover(), "sd/1.5@768", Runtime(device="cpu"), checkpoint=tiny("sd").folder).load()


def test_loading_says_nothing(tiny: Any, capfd: pytest.CaptureFixture[str]) -> None:
    for family in FAMILIES:
        tiny(family)
        capfd.readouterr()
        tiny(family).build()
        assert capfd.readouterr() == ("", "")
